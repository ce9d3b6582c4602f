"""Printers that announce themselves on the network (mDNS, `_pdl-datastream._tcp`), where the package zeroconf is.

It asks the network who is there, as every computer does that looks for printers; no printer is connected to,
since bytes on 9100 make office lasers print. Announcements of IPP are left aside: that port swallows ESC/POS without an
error (wcpos/electron#372).
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterable
from typing import Any

from hardware.addresses import TcpAddress
from hardware.discovery import Found

SERVICE = "_pdl-datastream._tcp.local."
listen_seconds = 3.0  # the first answers come after one to two
resolve_seconds_max = 1.0
printers_max = 50


class NoMdns(RuntimeError):  # noqa: N818
    """Printers on the network are found with the package zeroconf: pip install zeroconf."""


def network_printers(*, seconds: float = listen_seconds, interfaces: Iterable[str] | None = None) -> list[Found]:
    """The printers that answer within so many seconds. Raises `NoMdns` where the package is missing."""
    try:
        library: Any = importlib.import_module("zeroconf")
    except ImportError:
        raise NoMdns("printers on the network are found with the package zeroconf: pip install zeroconf") from None
    names: set[str] = set()

    def heard(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        if len(names) < printers_max:
            names.add(name)

    chosen = {} if interfaces is None else {"interfaces": list(interfaces)}
    found: list[Found] = []
    with contextlib.closing(library.Zeroconf(**chosen)) as zeroconf:
        library.ServiceBrowser(zeroconf, SERVICE, handlers=[heard])
        time.sleep(seconds)
        for name in sorted(names):
            info = zeroconf.get_service_info(SERVICE, name, timeout=int(resolve_seconds_max * 1000))
            addresses = info.parsed_addresses() if info is not None else []
            if addresses and info.port:
                label = name.removesuffix("." + SERVICE)
                found.append(Found("network printer", str(TcpAddress(addresses[0], info.port)), label, allowed=True))
    return found
