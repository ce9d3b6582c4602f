"""The simulated printer: foreign drivers must be content with it, and no bytes may break it."""

from __future__ import annotations

import asyncio
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures

from hardware.printers.document import QR, Barcode, Cut, Document, Text
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.simulated import SimulatedPrinter
from hardware.simulated.escpos_commands import read_command
from hardware.simulated.escpos_machine import EscPosMachine, Pulse
from hardware.simulated.paper import PrintedRaster, receipt_text
from hardware.simulated.symbols import code128_text


def machine_with(data: bytes) -> tuple[EscPosMachine, bytes]:
    said = bytearray()
    machine = EscPosMachine(said.extend)
    machine.receive(data)
    return machine, bytes(said)


@given(st.binary(max_size=400), st.lists(st.integers(0, 1000), max_size=6))
def test_any_bytes_print_the_same_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    whole, said = machine_with(data)
    answers = bytearray()
    piecewise = EscPosMachine(answers.extend)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for number, start in enumerate(places):
        piecewise.receive(data[start : places[number + 1] if number + 1 < len(places) else start])

    assert (piecewise.pulses, piecewise.paper.cuts, piecewise.held_bytes) == (
        whole.pulses,
        whole.paper.cuts,
        whole.held_bytes,
    )
    assert receipt_text(piecewise.paper.hanging, 42) == receipt_text(whole.paper.hanging, 42)
    assert sorted(answers) == sorted(said)


@given(st.binary(min_size=1, max_size=200))
def test_a_command_is_never_longer_than_what_is_there(data: bytes) -> None:
    found = read_command(data)

    assert found is None or 1 <= found[1] <= len(data)


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        ({}, "12 12 12 12"),
        ({"near_end": True}, "12 12 12 1e"),
        ({"paper_out": True}, "1a 32 12 7e"),
        ({"cover_open": True}, "1a 16 12 12"),
        ({"drawer_open": True}, "16 12 12 12"),
    ],
)
def test_it_answers_dle_eot_as_the_reference_has_it(condition: dict[str, bool], answers: str) -> None:
    machine, _ = machine_with(b"")
    machine.change(**condition)

    assert bytes(machine.real_time_status(number) for number in (1, 2, 3, 4)).hex(" ") == answers


def test_it_tells_changes_unasked_when_it_is_told_to() -> None:
    said = bytearray()
    machine = EscPosMachine(said.extend)

    machine.receive(b"\x1da\xff")
    machine.change(paper_out=True)

    assert said.hex(" ") == "10 00 00 00 18 00 0f 00"


def test_data_sent_without_paper_comes_out_together_when_paper_is_put_in_the_pulse_too() -> None:
    machine, _ = machine_with(b"")
    machine.change(paper_out=True)
    for number in range(3):
        machine.receive(b"receipt %d\n\x1bp\x00\x19\xfa\x1dVB\x00" % number)
    before = len(machine.paper.receipts), len(machine.pulses)

    machine.change(paper_out=False)

    assert before == (0, 0)
    assert [receipt_text(one, 42) for one in machine.paper.receipts] == [f"receipt {n}\n" for n in range(3)]
    assert machine.pulses == [Pulse(2, 50, real_time=False)] * 3


def test_a_pulse_hidden_in_a_picture_opens_the_drawer_as_on_a_real_printer() -> None:
    machine, _ = machine_with(bytes.fromhex("1d 76 30 00 05 00 01 00 10 14 01 00 01"))

    assert machine.pulses == [Pulse(2, 100, real_time=True)]


def test_the_picture_of_a_receipt_shows_its_bar_code_bar_by_bar() -> None:
    buffer = render(
        Document((Barcode("EAN13", "4006381333931", text_below=False), QR("x"), Cut())),
        profile("TM-T88V"),
        job_id=1,
        pickle_dir=None,
    )
    printer = SimulatedPrinter()
    printer.machine.receive(buffer)
    picture = Pictures.open(io.BytesIO(printer.receipt_png(0))).convert("L")
    row = [picture.getpixel((x, 80)) == 0 for x in range(picture.width)]
    first = row.index(True)

    modules = "".join("1" if row[first + 3 * module + 1] else "0" for module in range(95))

    assert decode_ean13(modules) == "4006381333931"


def decode_ean13(modules: str) -> str:
    """The digits of the bars, by the tables of the GS1 General Specifications, section 5.2.1."""
    odd = ["0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"]
    right = ["".join("10"[int(bit)] for bit in code) for code in odd]
    even = [code[::-1] for code in right]
    first_by_pattern = ["OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE", "OEEOOE", "OEEEOO", "OEOEOE"]
    first_by_pattern += ["OEOEEO", "OEEOEO"]
    assert (modules[:3], modules[45:50], modules[92:]) == ("101", "01010", "101")
    left = [modules[3 + 7 * place : 10 + 7 * place] for place in range(6)]
    pattern = "".join("O" if code in odd else "E" for code in left)
    digits = str(first_by_pattern.index(pattern))
    digits += "".join(str((odd if code in odd else even).index(code)) for code in left)
    return digits + "".join(str(right.index(modules[50 + 7 * place : 57 + 7 * place])) for place in range(6))


async def test_a_foreign_driver_prints_and_is_content() -> None:
    async with SimulatedPrinter() as printer:
        host, _, port = printer.address.removeprefix("tcp://").partition(":")

        def foreign() -> tuple[bool, int]:
            from escpos.printer import Network

            driver = Network(host, int(port), timeout=5, profile="TM-T88V")
            driver.open()
            answers = driver.is_online(), driver.paper_status()
            driver.set(align="center", bold=True)
            driver.text("Bonjour é\n")
            driver.qr("https://example.org", native=True)
            driver.barcode("{B12AB", "CODE128", function_type="B")
            driver.image(Pictures.new("1", (64, 8), 0))
            driver.cut()
            driver.cashdraw(2)
            online = driver.is_online()
            driver.close()
            assert online
            return answers

        answers = await asyncio.to_thread(foreign)

        assert answers == (True, 2)
        assert printer.receipts() == [
            "                Bonjour é\n"
            "         [QR https://example.org]\n"
            "              [CODE128 12AB]\n"
            "                 [image]\n"
            "\n\n\n\n\n\n"
        ]
        assert printer.drawer_pulses[0].pin == 2
        assert printer.machine.unknown == []


async def test_a_foreign_driver_on_a_serial_line_prints_and_is_content() -> None:
    async with SimulatedPrinter(pty=True) as printer:
        path, _, _ = printer.address.removeprefix("serial:").partition("?")

        def foreign() -> tuple[bool, int, int]:
            from escpos.printer import Serial

            driver = Serial(path, baudrate=38400, timeout=5, dsrdtr=False, profile="TM-T88V")
            driver.open()
            driver.text("Bonjour é\n")
            driver.cut()
            answers = driver.is_online(), driver.paper_status()
            printer.set(near_end=True)
            low = driver.paper_status()
            driver.close()
            return (*answers, low)

        answers = await asyncio.to_thread(foreign)

        assert answers == (True, 2, 1)
        assert printer.receipts()[0].startswith("Bonjour é\n")
        assert printer.machine.unknown == []


async def test_a_second_till_is_served_when_the_first_has_gone() -> None:
    async with SimulatedPrinter() as printer:
        host, _, port = printer.address.removeprefix("tcp://").partition(":")
        first_reader, first = await asyncio.open_connection(host, int(port))
        first.write(b"\x10\x04\x01")
        await first_reader.readexactly(1)
        second_reader, second = await asyncio.open_connection(host, int(port))
        second.write(b"\x10\x04\x01")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(second_reader.readexactly(1), 0.05)
        first.close()

        assert await asyncio.wait_for(second_reader.readexactly(1), 5) == b"\x12"
        second.close()


def test_text_in_a_page_that_the_printer_does_not_have_is_not_guessed() -> None:
    machine, _ = machine_with(b"\x1bt\xc8caf\x82\n")

    assert receipt_text(machine.paper.hanging, 42) == "caf\ufffd\n"


def test_a_job_of_the_renderer_holds_no_command_that_is_unknown() -> None:
    machine, _ = machine_with(
        render(Document((Text("a", bold=True, double=True), Cut())), profile("TM-T88V"), job_id=1, pickle_dir=None)
    )

    assert machine.unknown == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"{BHS-1", "HS-1"),
        (b"{C\x14\x1a\x0b\x18", "20261124"),
        (b"{BA{C\x14\x1a{B-{{", "A2026-{"),
        (b"{A{1X", "X"),
        (b"HS-1", None),
        (b"", None),
    ],
)
def test_code_128_is_read_in_every_code_set(data: bytes, text: str | None) -> None:
    assert code128_text(data) == text


@given(st.binary(max_size=60))
def test_any_code_128_data_says_something_or_nothing(data: bytes) -> None:
    assert code128_text(b"{C" + data) is not None


def test_a_picture_that_was_kept_is_printed_when_it_is_told_to() -> None:
    machine = EscPosMachine(lambda _: None)
    kept = b"\x30\x70\x30\x01\x01\x31\x08\x00\x02\x00\xff\x81"

    machine.receive(b"\x1d8L" + len(kept).to_bytes(4, "little") + kept)
    nothing_yet = receipt_text(machine.paper.hanging, 42)
    machine.receive(b"\x1d(L\x02\x00\x30\x32\x1dV\x00")

    assert nothing_yet == ""
    assert machine.paper.receipts == [(PrintedRaster(1, 2, b"\xff\x81", "left"),)]


def test_a_place_on_the_line_is_gone_to() -> None:
    machine = EscPosMachine(lambda _: None, columns=42, dots=504)

    machine.receive(b"TEA\x1b$" + (12 * 38).to_bytes(2, "little") + b"1.00\n")
    machine.receive(b"A\x1b\\" + (24).to_bytes(2, "little") + b"B\n")

    assert receipt_text(machine.paper.hanging, 42) == "TEA" + " " * 35 + "1.00\nA  B\n"
