"""The door to python-escpos, opened only when something is rendered: it is slow to import, and untidy.

Its import sets up the root logger, unpickles a file from a folder of its choice and leaves a new temporary folder
behind each time. Here it gets the folder that the caller names, which only this user may write, and the rest is
put back.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
import threading
from pathlib import Path
from typing import Any

from hardware.printers.profiles import Profile

_PICKLE_VARIABLE = "ESCPOS_CAPABILITIES_PICKLE_DIR"
_import_lock = threading.Lock()
_encoder_class: type[Any] | None = None


class UnsafePickleFolder(ValueError):  # noqa: N818
    """Others may write to this folder, and what lies in it is unpickled; use a folder of mode 0700."""


def new_printer(profile: Profile, pickle_dir: Path | None) -> Any:
    """A python-escpos printer that keeps its bytes in `.output`, with the code pages in our order.

    `pickle_dir` is made (0700) where it is missing; without one nothing is kept. Raises `UnsafePickleFolder`.
    """
    with _import_lock:
        if _encoder_class is None:
            _load(pickle_dir)
    from escpos.printer import Dummy

    assert _encoder_class is not None
    printer = Dummy(profile=profile.escpos_profile)
    numbers = printer.profile.get_code_pages()
    printer.magic.encoder = _encoder_class({page: numbers[page] for page in profile.pages if page in numbers})
    return printer


def _load(pickle_dir: Path | None) -> None:
    global _encoder_class
    if pickle_dir is not None:
        _check_folder(pickle_dir)
        _import(pickle_dir, pickle_dir)
    else:
        with tempfile.TemporaryDirectory(prefix="tillstream-escpos-") as folder:
            _import(Path(folder), Path(folder))

    from escpos.magicencode import Encoder

    class OrderedEncoder(Encoder):  # type: ignore[misc]  # the library has no types
        """Tries the pages in the order in which they are given, not by their numbers."""

        def find_suitable_encoding(self, char: str) -> str | None:
            for page in self.codepages:
                if self.can_encode(page, char):
                    return str(page)
            return None

    _encoder_class = OrderedEncoder


def _import(pickle_dir: Path, temporary: Path) -> None:
    root = logging.getLogger()
    handlers = list(root.handlers)
    before = os.environ.get(_PICKLE_VARIABLE)
    folder_before = tempfile.tempdir
    os.environ[_PICKLE_VARIABLE] = str(pickle_dir)
    tempfile.tempdir = str(temporary)
    there = set(temporary.iterdir())
    try:
        _import_once_more(pickle_dir)
    finally:
        tempfile.tempdir = folder_before
        if before is None:
            del os.environ[_PICKLE_VARIABLE]
        else:
            os.environ[_PICKLE_VARIABLE] = before
        for handler in [handler for handler in root.handlers if handler not in handlers]:
            root.removeHandler(handler)
        for left in set(temporary.iterdir()) - there:
            if left.is_dir() and not any(left.iterdir()):
                left.rmdir()


def _import_once_more(pickle_dir: Path) -> None:
    """Import the library; where its kept table was torn (a kill or power cut while it was written), without it."""
    try:
        import escpos.printer
    except Exception:
        torn = list(pickle_dir.glob("*.pickle"))
        if not torn:
            raise
        for table in torn:
            table.unlink()
        import escpos.printer  # noqa: F401


def _check_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise UnsafePickleFolder(f"{folder} belongs to another user; name a folder of your own")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise UnsafePickleFolder(f"others may write to {folder}; make it 0700")
