"""Scanners that pretend to be keyboards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.scanners import ScannerConfig, SerialScanner
from hardware.scanners.framing import ScanFramer
from hardware.scanners.input_events import InputEventFramer
from hardware.scanners.keyboard_wedge import KeyboardWedge, Typed
from hardware.scanners.keymaps import EV_KEY, LAYOUTS, Keyboard, retyped
from hardware.simulated import SimulatedScanner
from hardware.simulated.scanner import typed_keys
from hardware.transports import NotThere, open_transport

SHIFT, CONTROL, ALT, ALT_GR, CAPS = 42, 29, 56, 100, 58


def keys_for(text: str, layout: str = "us") -> list[tuple[int, int]]:
    """The keys that type the text: (code, 1 for down, 0 for up)."""
    events: list[tuple[int, int]] = []
    for character in text:
        for modifier, characters in ((0, LAYOUTS[layout].plain), (SHIFT, LAYOUTS[layout].shifted)):
            code = next((code for code, typed in characters.items() if typed == character), None)
            if code is not None:
                press = [(code, 1), (code, 0)]
                events += [(modifier, 1), *press, (modifier, 0)] if modifier else press
                break
    return events


def typed(events: list[tuple[int, int]], layout: str = "us") -> str:
    keyboard = Keyboard(layout)
    return "".join(keyboard.press(EV_KEY, code, value) for code, value in events)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(text=st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-./:()%", max_size=40))
def test_what_a_scanner_types_on_its_layout_is_what_it_read(layout: str, text: str) -> None:
    assert typed(keys_for(text, layout), layout) == text


def test_a_us_scanner_read_with_a_czech_layout_is_the_fields_old_riddle() -> None:
    assert typed(keys_for("8594156270087"), "cz") == "áříč+řžěýééáý"
    assert retyped("áříč+řžěýééáý", system="cz") == "8594156270087"


def test_control_and_the_closing_bracket_is_the_group_separator() -> None:
    events = [*keys_for("0101"), (CONTROL, 1), (27, 1), (27, 0), (CONTROL, 0), *keys_for("10A")]

    assert typed(events) == "0101\x1d10A"
    assert typed(events, "de") == "0101\x1d10A"


def test_alt_and_029_on_the_number_pad_is_the_group_separator() -> None:
    assert typed([(ALT, 1), (82, 1), (82, 0), (80, 1), (80, 0), (73, 1), (73, 0), (ALT, 0)]) == "\x1d"


def test_caps_lock_turns_letters_and_leaves_digits() -> None:
    assert typed([(CAPS, 1), (CAPS, 0), *keys_for("a1")]) == "A1"


def test_alt_gr_types_the_third_character() -> None:
    assert typed([(ALT_GR, 1), (18, 1), (18, 0), (ALT_GR, 0)], "de") == "€"


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535), st.integers(-(2**31), 2**31 - 1)), max_size=50))
def test_any_events_type_something_or_nothing(events: list[tuple[int, int, int]]) -> None:
    keyboard = Keyboard("fr")

    assert all(len(keyboard.press(*event)) <= 1 for event in events)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_any_bytes_are_input_events_or_nothing(data: bytes, cut: int) -> None:
    cut_framer, whole = InputEventFramer(ScannerConfig()), InputEventFramer(ScannerConfig())

    assert cut_framer.feed(data[:cut]) + cut_framer.feed(data[cut:]) == whole.feed(data)


@pytest.mark.parametrize("where", ["tcp", "pseudo-terminal"])
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_input_events_from_a_real_line_are_scans(where: str, layout: str) -> None:
    listen = "127.0.0.1:0" if where == "tcp" else None
    async with SimulatedScanner(listen=listen, layout=layout) as scanner:
        reader = SerialScanner(scanner.address, ScannerConfig(layout=layout), types_keys=True)
        await reader.open()
        await scanner.attended()

        scanner.scan("0104006381333931\x1d10Ab-12", dribble=True)
        scanner.scan("96385074")
        scans = [await anext(reader), await anext(reader)]
        await reader.close()

    assert [scan.text for scan in scans] == ["0104006381333931\x1d10Ab-12", "96385074"]


@given(
    aim=st.sampled_from(["", "]E0", "]C1", "]d2"]),
    text=st.text(alphabet="0123456789ABCxyz-./\x1d", min_size=4, max_size=40),
)
def test_a_code_gives_the_same_record_by_characters_by_keys_and_typed_into_the_screen(aim: str, text: str) -> None:
    config = ScannerConfig()
    by_characters = ScanFramer(config).feed(f"{aim}{text}\r".encode())
    by_keys = InputEventFramer(config).feed(typed_keys(f"{aim}{text}\r", "us"))
    by_screen = wedge([(character, 5 * place) for place, character in enumerate(f"{aim}{text}\r")])

    assert by_keys == by_characters
    assert [one.read(config) for one in by_screen] == by_characters


def test_what_a_person_types_is_no_record() -> None:
    assert Typed("4006381333931", scanned=False).read(ScannerConfig()) is None


async def test_what_is_no_input_device_cannot_be_grabbed() -> None:
    with pytest.raises(NotThere, match="no input device"):
        await open_transport("hid:/dev/null").open()


def wedge(keys: list[tuple[str, int]], rest_ms: int = 10_000) -> list[Typed]:
    found = KeyboardWedge()
    decided = [one for key, at in keys for one in found.key(key, at)]
    return decided + found.rest(rest_ms)


def test_fast_keys_that_end_with_enter_are_a_scan() -> None:
    assert wedge([(key, 10 * place) for place, key in enumerate("96385074\r")]) == [Typed("96385074", True)]


def test_what_a_person_types_is_handed_back_key_by_key() -> None:
    decided = wedge([("1", 0), ("2", 300), ("3", 600), ("\r", 900)])

    assert decided == [Typed("1", False), Typed("2", False), Typed("3", False), Typed("\r", False)]


def test_three_fast_keys_are_a_persons() -> None:
    assert wedge([("1", 0), ("2", 10), ("3", 20), ("\r", 30)]) == [Typed("123\r", False)]


def test_a_scan_behind_slow_typing_is_still_a_scan() -> None:
    keys = [("9", 0), *((key, 500 + 5 * place) for place, key in enumerate("4006381333931\t"))]

    assert wedge(keys) == [Typed("9", False), Typed("4006381333931", True)]


@given(st.lists(st.tuples(st.sampled_from("0123456789A\r\t"), st.integers(0, 400)), max_size=60))
def test_no_key_is_lost(keys: list[tuple[str, int]]) -> None:
    at, timed = 0, []
    for key, wait in keys:
        at += wait
        timed.append((key, at))

    decided = wedge(timed, at + 1_000)

    assert "".join(one.text for one in decided).translate({13: None, 9: None}) == "".join(
        key for key, _ in keys if key not in "\r\t"
    )


def test_the_keys_have_the_numbers_that_the_kernel_gives_them() -> None:
    header = Path("/usr/include/linux/input-event-codes.h")
    if not header.exists():
        pytest.skip("the kernel's header is not installed here (Debian: linux-libc-dev)")
    codes = dict(re.findall(r"#define KEY_([A-Z]|[0-9]|KP[0-9])\s+(\d+)\s", header.read_text()))

    assert len(codes) == 46
    for name, code in codes.items():
        assert LAYOUTS["us"].plain[int(code)] == name.removeprefix("KP").lower()
