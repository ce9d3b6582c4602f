"""Printers that announce themselves on the network are listed, and none of them is connected to."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest

from hardware.network_printers import SERVICE, NoMdns, network_printers

LOOPBACK = "127.0.0.1"


def test_a_printer_that_announces_itself_is_found_and_hears_nothing() -> None:
    zeroconf: Any = pytest.importorskip("zeroconf")
    with socket.create_server((LOOPBACK, 0)) as printer:
        printer.setblocking(False)
        name = f"Receipts {printer.getsockname()[1]}"
        info = zeroconf.ServiceInfo(
            SERVICE, f"{name}.{SERVICE}", addresses=[socket.inet_aton(LOOPBACK)], port=printer.getsockname()[1]
        )
        announcer = zeroconf.Zeroconf(interfaces=[LOOPBACK])
        announcer.register_service(info)

        found = network_printers(interfaces=[LOOPBACK])
        announcer.close()

        assert (name, f"tcp://{LOOPBACK}:{printer.getsockname()[1]}") in {(one.detail, one.address) for one in found}
        with pytest.raises(BlockingIOError):
            printer.accept()


def test_without_the_package_it_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)

    with pytest.raises(NoMdns, match="pip install zeroconf"):
        network_printers()
