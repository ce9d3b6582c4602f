"""The customer reads the newest two lines."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.displays import DisplayDriver, DisplaySetting, begin, shown_line, text_bytes
from hardware.simulated.display import DisplayMachine, SimulatedDisplay
from hardware.transports import LineLost, open_transport

SETTINGS = [DisplaySetting(), DisplaySetting("cd5220"), DisplaySetting(behind_printer=True)]


def test_epsons_language() -> None:
    assert begin(DisplaySetting()).hex(" ") == "1b 40 0c 1b 74 13"
    assert text_bytes(DisplaySetting(), "A", "€").hex(" ") == (
        "1f 24 01 01 41" + " 20" * 19 + " 1f 24 01 02 d5" + " 20" * 19
    )


def test_the_cd5220_language() -> None:
    assert text_bytes(DisplaySetting("cd5220"), "A", "B").hex(" ") == (
        "1b 51 41 41" + " 20" * 19 + " 0d 1b 51 42 42" + " 20" * 19 + " 0d"
    )


def test_a_display_behind_the_printer_is_chosen_before_and_the_printer_after() -> None:
    data = text_bytes(DisplaySetting(behind_printer=True), "A", "B")

    assert (data[:3].hex(" "), data[-3:].hex(" ")) == ("1b 3d 02", "1b 3d 01")


def test_an_amount_is_never_cut() -> None:
    assert shown_line("COFFEE 250 g, roasted", "3.50") == "COFFEE 250 g, r 3.50"
    assert shown_line("TOTAL", "9.99") == "TOTAL           9.99"


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_line_is_twenty_characters_whatever_it_holds(text: str, right: str) -> None:
    assert len(shown_line(text, right)) == 20


@pytest.mark.parametrize("setting", SETTINGS)
@given(first=st.text(max_size=30), second=st.text(max_size=30))
def test_whatever_a_text_holds_the_customer_reads_two_lines_of_it(
    setting: DisplaySetting, first: str, second: str
) -> None:
    machine = DisplayMachine()
    machine.receive(begin(setting) + text_bytes(setting, "old", "old") + text_bytes(setting, first, second))
    expected = tuple(shown_line(line).encode("cp858", "replace").decode("cp858") for line in (first, second))

    assert machine.lines() == expected


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_show_the_same_however_they_are_cut(data: bytes, cut: int) -> None:
    pieces, whole = DisplayMachine(), DisplayMachine()
    pieces.receive(data[:cut])
    pieces.receive(data[cut:])
    whole.receive(data)

    assert pieces.lines() == whole.lines()


@pytest.mark.parametrize("where", ["tcp", "pseudo-terminal"])
@pytest.mark.parametrize("setting", SETTINGS)
async def test_only_the_newest_text_is_sent(where: str, setting: DisplaySetting) -> None:
    async with SimulatedDisplay(listen="127.0.0.1:0" if where == "tcp" else None) as display:
        transport = open_transport(display.address)
        await transport.open()
        driver = DisplayDriver(transport, setting)
        for number in range(1000):
            driver.show("COFFEE", f"{number}")
        running = asyncio.create_task(driver.run())

        await display.until("COFFEE", "999")
        running.cancel()
        await transport.close()

        assert driver.counts["shown"] == 1


async def test_an_unplugged_display_shows_the_newest_text_when_it_is_back() -> None:
    async with SimulatedDisplay() as display:
        transport = open_transport(display.address)
        await transport.open()
        driver = DisplayDriver(transport)
        running = asyncio.create_task(driver.run())
        driver.show("TOTAL", "1.00")
        await display.until("TOTAL", "1.00")

        display.unplug()
        driver.show("TOTAL", "2.00")
        with pytest.raises(LineLost):
            await running
        await transport.close()
        await display.replug()
        await transport.open()
        running = asyncio.create_task(driver.run())
        await display.until("TOTAL", "2.00")
        running.cancel()
        await transport.close()
