"""The test page: every feature of the document model once, so that a person sees what a printer can do."""

from __future__ import annotations

import io

from hardware.printers.document import (
    QR,
    Barcode,
    Cell,
    Columns,
    Cut,
    Document,
    Feed,
    Image,
    Row,
    Rule,
    Text,
)
from hardware.printers.profiles import Profile


def sample_document(profile: Profile) -> Document:
    """The test page for a printer of this profile."""
    return Document(
        (
            Text("Tillstream", "center", bold=True, double=True),
            Text(f"test page, {profile.name}, {profile.columns} characters", "center"),
            Rule(),
            Columns("Left", "right"),
            Columns("A name so long that it has to go on in a second line of the paper", "1,234.56"),
            Columns("TOTAL", "9.99", bold=True, double=True),
            Row((Cell("2"), Cell("x 3.50", 10, "right"), Cell("7.00", 10, "right"))),
            Rule("="),
            Text("Euro € Pound £ Größe façade Ångström"),
            Text("Zażółć gęślą jaźń · Příliš žluťoučký"),
            Text("Привет, мир · Καλημέρα"),
            Text("咖啡 5.00 · コーヒー"),
            Text("bold", bold=True),
            Text("right", "right"),
            Image(_picture(profile.dots // 2)),
            Barcode("EAN13", "4006381333931"),
            Barcode("CODE128", "TILL-0042"),
            QR("https://example.org/receipt/0042"),
            Feed(1),
            Text("Everything above readable, nothing missing?", "center"),
            Cut(),
        ),
        columns=profile.columns,
        title="test page",
    )


def _picture(width: int) -> bytes:
    """A grey ramp with a frame: shows the paper's width, and dots that are missing."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    picture = Pictures.linear_gradient("L").resize((width, 64))
    ImageDraw.Draw(picture).rectangle((0, 0, width - 1, 63), outline=0)
    output = io.BytesIO()
    picture.save(output, "PNG")
    return output.getvalue()
