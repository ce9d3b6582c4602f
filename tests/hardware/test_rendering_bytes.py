"""The bytes that a printer gets, against the golden ones of Epson's command reference."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures

from hardware.printers import fonts
from hardware.printers.document import QR, Barcode, Columns, Cut, Document, DocumentError, Element, Feed, Image, Text
from hardware.printers.escpos_library import UnsafePickleFolder
from hardware.printers.fonts import font_files
from hardware.printers.profiles import PROFILES, profile
from hardware.printers.rendering import render
from hardware.simulated.escpos_machine import EscPosMachine
from hardware.simulated.paper import receipt_text

START = "1b 40 1d 61 00 "
BARRIER = " 1d 72 01"


def rendered(*elements: Element, profile_name: str = "generic-80mm", job_id: int = 1) -> str:
    return render(Document(elements), profile(profile_name), job_id=job_id, pickle_dir=None).hex(" ")


def png(width: int, height: int, black: list[tuple[int, int]]) -> bytes:
    picture = Pictures.new("1", (width, height), 1)
    for dot in black:
        picture.putpixel(dot, 0)
    output = io.BytesIO()
    picture.save(output, "PNG")
    return output.getvalue()


def test_a_job_is_one_buffer_from_initialising_to_the_barrier() -> None:
    assert rendered(Text("Hi"), Cut()) == START + "1b 74 13 48 69 0a 1d 56 42 00" + BARRIER


def test_a_printer_that_knows_process_ids_is_asked_for_one() -> None:
    assert rendered(Cut(), profile_name="TM-T88V", job_id=1).endswith("1d 28 48 06 00 30 30 40 40 40 41")


def test_a_printer_without_proof_is_asked_nothing() -> None:
    assert rendered(Cut(), profile_name="no-status") == START + "1d 56 42 00"


@pytest.mark.parametrize(
    ("profile_name", "bytes_of_euro"),
    [
        ("generic-80mm", "1b 74 13 d5"),
        ("generic-58mm", "1b 74 13 d5"),
        ("TM-T88V", "1b 74 13 d5"),
        ("TM-T20II", "1b 74 13 d5"),
        ("TH230", "1b 74 06 d5"),
        ("NT-5890K", "1b 74 35 d5"),
        ("star-escpos", "1b 74 04 d5"),
    ],
)
def test_the_euro_is_on_a_page_that_has_it(profile_name: str, bytes_of_euro: str) -> None:
    assert rendered(Text("€"), profile_name=profile_name).startswith(START + bytes_of_euro)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_the_euro_as_a_letter(name: str) -> None:
    assert "1d 76 30" not in rendered(Text("€"), profile_name=name)


def test_each_change_of_script_changes_the_page_once() -> None:
    assert rendered(Text("é ł Я €")) == START + "1b 74 13 82 20 1b 74 12 88 20 1b 74 11 9f 20 1b 74 13 d5 0a" + BARRIER


def test_two_documents_know_nothing_of_each_others_pages() -> None:
    assert rendered(Text("€")) == rendered(Text("€"))


@pytest.mark.parametrize("name", ["\x1bp\x00\x19\xfa", "\x10\x14\x01\x00\x01", "\x1dV\x00", "\x1b@", "a\nb\rc\x00\x7f"])
def test_no_name_of_a_product_opens_a_drawer_or_cuts_paper(name: str) -> None:
    answers: list[bytes] = []
    machine = EscPosMachine(answers.append)

    machine.receive(render(Document((Columns(name, name),)), profile("TM-T88V"), job_id=1, pickle_dir=None))

    assert (machine.pulses, machine.paper.cuts, machine.unknown) == ([], 0, [])
    assert len(machine.paper.hanging) >= 1


@given(st.text(max_size=60))
def test_whatever_a_text_holds_the_printer_gets_text(text: str) -> None:
    buffer = render(Document((Text(text),)), profile("no-status"), job_id=1, pickle_dir=None)
    machine = EscPosMachine(lambda _: None)

    machine.receive(buffer)

    assert (machine.pulses, machine.paper.cuts, machine.unknown, machine.held_bytes) == ([], 0, [], 0)


def test_letters_that_no_page_has_become_a_picture_of_the_line() -> None:
    assert "1d 76 30 00 48 00 1e 00" in rendered(Text("ქართული"))


def test_letters_that_no_font_has_become_question_marks_and_never_others() -> None:
    machine = EscPosMachine(lambda _: None)

    machine.receive(
        render(Document((Columns("\U0001f9ff\uf8ff", "1.00"), Cut())), profile("TM-T88V"), job_id=1, pickle_dir=None)
    )

    assert receipt_text(machine.paper.receipts[0], 42).split() == ["???", "1.00"]


def test_bar_codes_as_the_reference_has_them() -> None:
    ean = "1b 61 01 1b 4a 18 1d 68 50 1d 77 03 1d 48 02 1d 6b 43 0d 34 30 30 36 33 38 31 33 33 33 39 33 31"
    code128 = "1b 4a 18 1d 68 50 1d 77 03 1d 48 02 1d 6b 49 06 7b 42 41 7b 7b 31"

    assert rendered(Barcode("EAN13", "4006381333931")) == START + ean + BARRIER
    assert code128 in rendered(Barcode("CODE128", "A{1"))


def test_a_code_128_too_wide_for_the_paper_is_printed_as_text() -> None:
    long = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQR"

    assert long.encode().hex(" ") in rendered(Barcode("CODE128", long), profile_name="generic-58mm")
    assert "1d 6b" not in rendered(Barcode("CODE128", long), profile_name="generic-58mm")


def test_a_qr_code_is_drawn_by_the_printer_where_it_can() -> None:
    assert "1d 28 6b 06 00 31 50 30 61 62 63 1d 28 6b 03 00 31 51 30" in rendered(QR("abc"))
    assert "1d 76 30" in rendered(QR("abc"), profile_name="NT-5890K")


def test_a_picture_is_a_raster_with_black_as_one() -> None:
    assert "1d 76 30 00 02 00 01 00 80 40" in rendered(Image(png(10, 1, [(0, 0), (9, 0)])))


def test_a_picture_that_holds_a_drawer_pulse_is_printed_with_pulses_switched_off() -> None:
    pulse = png(40, 1, [(3, 0), (11, 0), (13, 0), (23, 0), (39, 0)])  # 10 14 01 00 01
    raster = "1d 76 30 00 05 00 01 00 10 14 01 00 01"

    printed = rendered(Image(pulse), profile_name="TM-T88V")

    assert f"1d 28 44 03 00 14 01 00 {raster} 1d 28 44 03 00 14 01 01" in printed


def test_a_picture_opens_no_drawer_on_a_printer_that_cannot_switch_pulses_off() -> None:
    pulse = png(40, 1, [(3, 0), (11, 0), (13, 0), (23, 0), (39, 0)])

    assert "10 14 01" not in rendered(Image(pulse), profile_name="generic-80mm")


def test_no_raster_asks_for_a_status_or_clears_the_buffer() -> None:
    within = png(16, 1, [(3, 0), (13, 0)])  # 10 04
    between = png(8, 2, [(3, 0), (5, 1), (7, 1)])  # 10, then 05

    assert "10 04" not in rendered(Image(within))
    assert "1d 76 30 00 01 00 01 00 10 1d 76 30 00 01 00 01 00 05" in rendered(Image(between))


def test_a_picture_wider_than_the_paper_is_made_smaller() -> None:
    assert "1d 76 30 00 30 00 06 00" in rendered(Image(png(768, 12, [])), profile_name="generic-58mm")


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"not a picture"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="no PNG"):
        rendered(Image(data))


def test_feeds_are_fed_by_the_printer() -> None:
    assert rendered(Feed(3)) == START + "1b 64 03" + BARRIER


def test_rendering_prints_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import sys, logging, pathlib\n"
        "from hardware.printers.document import *\n"
        "from hardware.printers.profiles import profile\n"
        "from hardware.printers.rendering import render\n"
        "assert 'escpos' not in sys.modules\n"
        "d = Document((Text('咖啡'), Barcode('CODE128', 'A1'), QR('x'), Cut()))\n"
        "render(d, profile('TM-T88V'), job_id=1, pickle_dir=pathlib.Path(sys.argv[1]))\n"
        "assert logging.getLogger().handlers == []\n"
    )
    folder, temporary = tmp_path / "pickles", tmp_path / "tmp"
    temporary.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={"TMPDIR": str(temporary), "PYTHONPATH": ":".join(sys.path)},
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(temporary.iterdir()) == []
    assert [one.suffix for one in folder.iterdir()] == [".pickle"]


def test_a_pickle_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    from hardware.printers import escpos_library

    tmp_path.chmod(0o777)

    with pytest.raises(UnsafePickleFolder):
        escpos_library._check_folder(tmp_path)


def test_python_escpos_leaves_our_logging_alone() -> None:
    before = list(logging.getLogger().handlers)

    rendered(Text("a"))

    assert logging.getLogger().handlers == before


def test_chinese_is_printed_as_a_picture_of_the_line() -> None:
    machine = EscPosMachine(lambda _: None)
    document = Document((Columns("咖啡", "¥350"), Text("a"), Text("コーヒー 커피"), Cut()))

    machine.receive(render(document, profile("TM-T88V"), job_id=1, pickle_dir=None))

    assert receipt_text(machine.paper.receipts[0], 42).split() == ["[image]", "a", "[image]"]


def test_chinese_without_a_font_takes_its_room_in_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing but the font that ships, whatever this machine has."""
    monkeypatch.setattr(fonts, "font_files", lambda: font_files()[:1])

    assert "3f 3f 3f 3f 20 31" in rendered(Text("咖啡 1"))


def test_a_line_on_the_right_ends_where_amounts_end() -> None:
    right = rendered(Text("7.00", "right"), profile_name="TM-T88V")

    assert right == rendered(Columns("", "7.00"), profile_name="TM-T88V")
