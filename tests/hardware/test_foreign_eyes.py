"""Eyes that nobody here made read the bar codes of a printed receipt: ZXing, and ZBar where it is installed.

ZBar reads letters beyond ASCII in a QR code as Shift-JIS, since no printer's command says which encoding they are in;
so it gets a link as receipts bear it.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image as Pictures

from hardware.printers.document import QR, Barcode, Columns, Cut, Document, Text
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.simulated.escpos_machine import EscPosMachine
from hardware.simulated.paper_drawing import receipt_png

LINK = "https://example.org/r/HS-1-000042"


def codes(qr: str) -> Document:
    return Document(
        (
            Text("CORNER SHOP", "center", bold=True, double=True),
            Barcode("EAN13", "4006381333931"),
            Barcode("EAN8", "96385074"),
            Columns("COFFEE", "3.50"),
            Barcode("CODE128", "HS-1-{042}"),
            Barcode("UPCA", "036000291452", text_below=False),
            QR(qr),
            Cut(),
        )
    )


PROFILES_WITH_EVERY_WIDTH = ("generic-58mm", "TM-T88V", "TM-T20II", "NT-5890K", "TH230")


def photograph(profile_name: str, qr: str) -> bytes:
    """The receipt as a picture, by way of the printer's bytes."""
    kind = profile(profile_name)
    machine = EscPosMachine(lambda _: None, columns=kind.columns, dots=kind.dots)
    machine.receive(render(codes(qr), kind, job_id=1, pickle_dir=None))
    assert machine.unknown == []
    return receipt_png(machine.paper.receipts[0], machine.paper)


@pytest.mark.parametrize("name", PROFILES_WITH_EVERY_WIDTH)
def test_zxing_reads_every_code_of_a_receipt(name: str) -> None:
    read = zxingcpp.read_barcodes(Pictures.open(io.BytesIO(photograph(name, f"{LINK}?größe=€"))).convert("L"))

    assert {one.text for one in read} == {
        "4006381333931",
        "96385074",
        "HS-1-{042}",
        "0036000291452",
        f"{LINK}?größe=€",
    }


@pytest.mark.parametrize("name", PROFILES_WITH_EVERY_WIDTH)
def test_zbar_reads_every_code_of_a_receipt(name: str, tmp_path: Path) -> None:
    program = shutil.which("zbarimg")
    if program is None:
        pytest.skip("zbarimg is not installed here (Debian: zbar-tools)")
    (tmp_path / "receipt.png").write_bytes(photograph(name, LINK))

    read = subprocess.run(
        [program, "--quiet", "-Supca.enable", str(tmp_path / "receipt.png")], capture_output=True, text=True, check=True
    )

    assert set(read.stdout.splitlines()) == {
        "EAN-13:4006381333931",
        "EAN-8:96385074",
        "CODE-128:HS-1-{042}",
        "UPC-A:036000291452",
        f"QR-Code:{LINK}",
    }
