"""What is known of each model of printer: paper width, code pages in our order, proof, and its quirks.

Page numbers come from python-escpos' table under `escpos_profile`; the order in which they are tried is ours, so
that € never goes to a Greek page because that has the lowest number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hardware.printers.proof import ProofKind

PAGES = ("CP858", "CP1252", "CP852", "CP866", "CP437", "CP737", "CP857", "CP775")


class UnknownProfile(ValueError):  # noqa: N818  (says what it is where it is printed)
    """There is no printer profile of this name; `till-hardware list --profiles` shows them."""


@dataclass(frozen=True)
class Profile:
    """One model, or a family that behaves alike.

    `proof` is what a job may end with; with `none` the shop decides whether sent counts as printed. `status` is
    False where the printer hangs when it is asked. `realtime` says that it knows `DLE DC4` (a drawer that opens
    while the printer is off-line) and `GS ( D`, which turns that off around a picture. `automatic` says that it tells
    changes unasked (`GS a`); never beside the proof by barrier, whose one byte looks like the tail of such a telling.
    """

    name: str
    escpos_profile: str
    columns: int
    dots: int
    proof: ProofKind
    pages: tuple[str, ...] = PAGES
    missing: Literal["picture", "question-mark"] = "picture"
    status: bool = True
    realtime: bool = False
    qr: bool = True
    sent_is_printed: bool = False
    automatic: bool = False

    def __post_init__(self) -> None:
        if self.automatic and self.proof == "barrier":
            raise ValueError(f"{self.name}: an automatic status would be taken for the answer to a barrier")

    @property
    def cell_dots(self) -> int:
        """How many dots wide a character of font A is."""
        return self.dots // self.columns


_ALL = (
    Profile("generic-80mm", "default", 48, 576, "barrier"),
    Profile("generic-58mm", "default", 32, 384, "barrier"),
    Profile("no-status", "default", 48, 576, "none", status=False),
    Profile("TM-T88V", "TM-T88V", 42, 512, "process-id", realtime=True, automatic=True),
    Profile("TM-T88IV", "TM-T88IV", 42, 512, "process-id", realtime=True, automatic=True),
    Profile("TM-T88III", "TM-T88III", 42, 512, "barrier", realtime=True),
    Profile("TM-T20II", "TM-T20II", 48, 576, "process-id", realtime=True, automatic=True),
    Profile("TM-T20III", "TM-T20II", 48, 576, "process-id", realtime=True, automatic=True),
    Profile("TM-m30", "TM-T20II", 48, 576, "process-id", realtime=True, automatic=True),
    Profile("CT-S651", "CT-S651", 48, 576, "barrier"),
    Profile("TH230", "TH230", 44, 576, "barrier", qr=False),
    Profile("RP-F10-80mm", "RP-F10-80mm", 48, 576, "barrier"),
    Profile("RP-F10-58mm", "RP-F10-58mm", 36, 432, "barrier"),
    Profile("NT-5890K", "NT-5890K", 32, 384, "barrier", qr=False),
    Profile("POS-5890", "POS-5890", 32, 384, "barrier", qr=False),
    Profile("star-escpos", "TSP600", 42, 576, "barrier"),
)
PROFILES: Mapping[str, Profile] = MappingProxyType({one.name: one for one in _ALL})


def profile_of_model(said: str) -> Profile | None:
    """The profile of a printer that says maker and model of itself, as in `EPSON TM-T88V`; None where none fits."""
    words = {word.lower() for word in said.split()}
    return next((known for known in _ALL if known.name.lower() in words), None)


def profile(name: str) -> Profile:
    """The profile of this name, whatever its case; raises `UnknownProfile`."""
    for known in _ALL:
        if known.name.lower() == name.lower():
            return known
    raise UnknownProfile(f"no printer profile is called {name!r}: use one of {', '.join(PROFILES)}")
