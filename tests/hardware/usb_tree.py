"""A sysfs and a device folder with USB printers, since no test machine has one."""

from __future__ import annotations

from pathlib import Path


def usb_tree(root: Path, number: int, serial: str) -> tuple[Path, Path]:
    """A sysfs with one USB printer, 04b8:0202, and the folder for its device file, which is still to be made."""
    device = root / f"devices/usb1/1-{number}"
    (device / "1-1:1.0/usbmisc" / f"lp{number}").mkdir(parents=True)
    for name, value in {"idVendor": "04b8", "idProduct": "0202", "serial": serial, "product": "TM-T88V"}.items():
        (device / name).write_text(value + "\n")
    (root / "class").mkdir(exist_ok=True)
    entry = root / "class" / f"lp{number}"
    entry.mkdir()
    (entry / "device").symlink_to(device / "1-1:1.0")
    (root / "dev").mkdir(exist_ok=True)
    return root / "class", root / "dev"
