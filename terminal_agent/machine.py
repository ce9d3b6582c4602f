"""What the machine says of itself: which run of it this is, and by what a disk knows that it stands in another one.

None of it is a secret or leaves the machine; what is kept is a digest.
"""

import hashlib
from pathlib import Path
from typing import Final

system_root: Final = Path("/")
_BOOT_ID: Final = "proc/sys/kernel/random/boot_id"
_BOARD: Final = ("sys/class/dmi/id/product_uuid", "sys/class/dmi/id/board_serial", "etc/machine-id")
_NETWORK: Final = "sys/class/net"
_PERMANENT: Final = "0"  # an address that came with the hardware, in the words of the kernel's `addr_assign_type`


def boot_id(root: Path = system_root) -> str:
    """Names the time since the machine was started last; "" where the system does not say."""
    return _said(root / _BOOT_ID)


def place_of(file: Path, root: Path = system_root) -> str:
    """A digest of the machine and of the file itself: another one for a copy of the file, here or elsewhere.

    Machine: its board's identity and its network cards' own addresses, as far as they are told; copy: the inode. A
    snapshot of a virtual machine that is rolled back looks the same, and so does a disk that was moved for a moment.
    """
    facts = [_said(root / name) for name in _BOARD]
    facts += _card_addresses(root / _NETWORK)
    facts.append(str(file.stat().st_ino))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def _card_addresses(network: Path) -> list[str]:
    cards = sorted(network.iterdir()) if network.is_dir() else []
    found = [
        _said(card / "address")
        for card in cards
        if (card / "device").exists() and _said(card / "addr_assign_type") == _PERMANENT
    ]
    return sorted(found)


def _said(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
