"""What the machine says of itself: which run of it this is, and by what a disk knows that it stands in another one.

None of it is a secret or leaves the machine; what is kept are digests.
"""

import hashlib
from pathlib import Path
from typing import Final

from msgspec import Struct

system_root: Final = Path("/")
_BOOT_ID: Final = "proc/sys/kernel/random/boot_id"
_BOARD: Final = {
    "board": "sys/class/dmi/id/product_uuid",
    "serial": "sys/class/dmi/id/board_serial",
    "system": "etc/machine-id",
}
_NETWORK: Final = "sys/class/net"
_PERMANENT: Final = "0"  # an address that came with the hardware, in the words of the kernel's `addr_assign_type`


class Place(Struct, frozen=True):
    """Where a file lies: its inode, and the machine by its board's identity and its network cards' own addresses.

    What is not told is left out: a card may come up late, and only root may read some of it.
    """

    inode: int
    board: dict[str, str] = {}
    cards: tuple[str, ...] = ()

    def is_other_than(self, kept: "Place") -> bool:
        """Whether something that both know is another: the file was copied, or its disk is in another machine.

        A snapshot of a virtual machine that is rolled back looks the same.
        """
        if self.inode != kept.inode:
            return True
        if any(self.board[name] != kept.board[name] for name in self.board.keys() & kept.board.keys()):
            return True
        return bool(self.cards and kept.cards) and not set(self.cards) & set(kept.cards)

    def with_what(self, kept: "Place") -> "Place":
        """This place, with what only the older look at it told."""
        return Place(self.inode, {**kept.board, **self.board}, tuple(sorted(set(self.cards) | set(kept.cards))))


def boot_id(root: Path = system_root) -> str:
    """Names the time since the machine was started last; "" where the system does not say."""
    return _said(root / _BOOT_ID)


def place_of(file: Path, root: Path = system_root) -> Place:
    """Where a file lies, as far as the system tells."""
    told = {name: _said(root / path) for name, path in _BOARD.items()}
    board = {name: _digest(text) for name, text in told.items() if text}
    return Place(file.stat().st_ino, board, tuple(sorted(map(_digest, _card_addresses(root / _NETWORK)))))


def _card_addresses(network: Path) -> list[str]:
    cards = network.iterdir() if network.is_dir() else ()
    return [
        _said(card / "address")
        for card in cards
        if (card / "device").exists() and _said(card / "addr_assign_type") == _PERMANENT
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _said(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
