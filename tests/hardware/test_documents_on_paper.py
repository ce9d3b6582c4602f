"""What a document looks like on paper, before any printer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.printers.document import (
    QR,
    Barcode,
    Cell,
    Columns,
    Cut,
    Document,
    DocumentError,
    Feed,
    Image,
    Row,
    Rule,
    Text,
    cells_wide,
    document_from_json,
    document_to_json,
    document_to_text,
    gtin_check_digit,
    printable,
)
from hardware.printers.layout import wrap


def test_a_receipt_as_text_is_what_the_paper_shows() -> None:
    receipt = Document(
        (
            Text("CORNER SHOP", "center", bold=True, double=True),
            Text("1 High Street", "center"),
            Rule(),
            Columns("COFFEE 250 g, roasted, from the highlands of Ethiopia", "3.50"),
            Row((Cell("2"), Cell("x 1.20", 8, "right"), Cell("2.40", 8, "right"))),
            Columns("TOTAL", "5.90", bold=True, double=True),
            Feed(1),
            Barcode("EAN13", "4006381333931"),
            QR("https://example.org/r/1"),
            Text("Thank you for shopping with us today, come back soon", "right"),
            Cut(),
        ),
        columns=32,
    )

    assert document_to_text(receipt) == (
        "     CORNER SHOP\n"
        "         1 High Street\n"
        "--------------------------------\n"
        "COFFEE 250 g, roasted, from\n"
        "the highlands of Ethiopia   3.50\n"
        "2                x 1.20     2.40\n"
        "TOTAL       5.90\n"
        "\n"
        "     [EAN13 4006381333931]\n"
        "  [QR https://example.org/r/1]\n"
        "  Thank you for shopping with us\n"
        "           today, come back soon\n"
    )


def test_an_amount_that_takes_most_of_the_line_stands_below_the_name() -> None:
    receipt = Document((Columns("Voucher", "1234567890123456789012345"),), columns=32)

    assert document_to_text(receipt) == "Voucher\n       1234567890123456789012345\n"


def test_chinese_characters_take_two_cells() -> None:
    assert document_to_text(Document((Columns("咖啡", "5.00"),), columns=12)) == "咖啡    5.00\n"


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DocumentError, match="does not fit"):
        document_to_text(Document((Row((Cell("a", 20), Cell("b", 20), Cell("c"))),), columns=42))


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("EAN13", "4006381333932", "check digit should be 1"),
        ("EAN13", "400638133393", "13 digits"),
        ("EAN8", "96385075", "check digit should be 4"),
        ("UPCA", "03600029145٢", "12 digits"),
        ("CODE128", "", "1 to 48"),
        ("CODE128", "CAFÉ", "printable ASCII"),
        ("CODE128", "a\x1bp", "printable ASCII"),
    ],
)
def test_a_bar_code_that_no_scanner_would_read_is_refused(kind: str, data: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        Barcode(kind, data)  # type: ignore[arg-type]


@given(st.text(alphabet="0123456789", min_size=7, max_size=13))
def test_a_check_digit_makes_the_weighted_sum_a_multiple_of_ten(digits: str) -> None:
    whole = digits + str(gtin_check_digit(digits))

    assert sum(int(digit) * (1 if place % 2 == 0 else 3) for place, digit in enumerate(reversed(whole))) % 10 == 0


@given(st.text())
def test_printable_text_holds_no_control_character(text: str) -> None:
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in printable(text))


def test_text_is_composed_so_that_code_pages_have_its_letters() -> None:
    assert printable("Cafe\u0301\u202e") == "Café"


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs")), max_size=80),
    st.integers(2, 48),
)
def test_a_wrapped_line_never_leaves_the_paper_and_no_letter_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)

    assert all(cells_wide(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_document_kept_as_json_comes_back_as_it_was() -> None:
    document = Document(
        [Text("a €"), Columns("b", "1"), Row((Cell("c"),)), Rule("="), Feed(2), Image(b"\x89PNG"), QR("d"), Cut()],  # type: ignore[arg-type]
        columns=48,
        title="R-1",
    )

    assert document_from_json(document_to_json(document)) == document


@pytest.mark.parametrize(
    "stored", [b"", b"{}", b"\xff", b'{"elements":[{"type":"Bomb"}]}', b'{"elements":[{"type":"Feed","lines":999}]}']
)
def test_what_is_no_stored_document_is_refused(stored: bytes) -> None:
    with pytest.raises(DocumentError):
        document_from_json(stored)
