"""The open sale as a killed process leaves it: two small files that are written at each change, before it is answered.

They are written and not synced, so that no scan waits for the disk: they outlive the process, and a power cut may take
them. What outlives that is the row in the journal's database (`suspended.py`), which follows at most a second later.
The newer of the two counts. The files are written in turn, so that a kill amid a write spoils the one and leaves the
other, which is what was answered last.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from terminal_agent.register.state import Cart

open_sale_bytes_max: Final = 4 * 1024 * 1024
_HEAD_BYTES_MAX: Final = 100
_NAMES: Final = ("open-sale-0", "open-sale-1")


class OpenSale(Struct, frozen=True):
    """The open sale at a moment. `serial` rises with each change, `boot_id` names the run of the machine."""

    serial: int
    boot_id: str
    cart: Cart | None
    commands: tuple[str, ...]


_decoder: Final[msgspec.json.Decoder[OpenSale]] = msgspec.json.Decoder(OpenSale)
_encoder: Final = msgspec.json.Encoder()


class OpenSaleFiles:
    """The two files of a state directory."""

    def __init__(self, folder: Path) -> None:
        self._paths = tuple(folder / name for name in _NAMES)

    def newest(self) -> OpenSale | None:
        """What was written last and whole; None where there is nothing such."""
        whole = [sale for sale in map(_read, self._paths) if sale is not None]
        return max(whole, key=lambda sale: sale.serial, default=None)

    def write(self, sale: OpenSale) -> None:
        """Hand the sale to the system. Raises `OSError`, and then the one before it still counts."""
        content = _encoder.encode(sale)
        whole = b"%b %d\n%b" % (hashlib.sha256(content).hexdigest().encode(), len(content), content)
        # Not cut to length: that costs more than all the rest, so what an earlier, longer sale left stands behind it.
        descriptor = os.open(self._paths[sale.serial % 2], os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            written = os.write(descriptor, whole)
        finally:
            os.close(descriptor)
        if written != len(whole):
            raise OSError("the open sale was written in part")


def _read(path: Path) -> OpenSale | None:
    try:
        with path.open("rb") as file:
            digest, length = file.readline(_HEAD_BYTES_MAX).split()
            content = file.read(min(int(length), open_sale_bytes_max))
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        return _decoder.decode(content)
    except (OSError, ValueError):  # not there, or cut off within its head
        return None
