"""What comes from files and other programs may be anything: it is read, or refused with what to change."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.commands.configure_command import configuration_text
from hardware.configuration import ConfigurationError, devices_from_dict
from hardware.devices import Device
from hardware.printers.document import DocumentError, document_from_json, document_to_json
from hardware.printers.leftover import longest_command, shortest_fill_bytes
from hardware.simulated import SimulatedDisplay, SimulatedPrinter, SimulatedScale, SimulatedScanner
from hardware.simulated.control import (
    Handler,
    answer,
    display_handler,
    printer_handler,
    scale_handler,
    scanner_handler,
)
from hardware.simulated.typed import request

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", ""]) | VALUES,
        "kind": st.sampled_from(["printer", "scanner", "scale", "display"]) | VALUES,
        "address": st.sampled_from(["tcp://h:1", "serial:/dev/x", "hid:/dev/y", "usb:1:2"]) | VALUES,
    },
    optional={
        "profile": VALUES,
        "options": VALUES
        | st.dictionaries(
            st.sampled_from(["suffix", "prefix", "encoding", "layout", "protocol", "language", "page"]), VALUES
        ),
        "other": VALUES,
    },
)


@given(st.fixed_dictionaries({"device": VALUES | st.lists(ENTRIES, max_size=3)}))
def test_any_configuration_is_devices_or_refused_with_what_to_change(content: dict[str, Any]) -> None:
    devices: tuple[Device, ...] = ()
    with contextlib.suppress(ConfigurationError):
        devices = devices_from_dict(content)

    assert all(f"name = {json.dumps(device.name)}" in configuration_text(devices) for device in devices)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_stored_bytes_are_a_document_or_none(data: bytes) -> None:
    with contextlib.suppress(DocumentError):
        document = document_from_json(data)
        assert document_from_json(document_to_json(document)) == document


@given(st.binary(max_size=400))
def test_any_unfinished_job_is_filled_up_by_some_bytes_and_not_by_more_than_it_had(data: bytes) -> None:
    assert 0 < longest_command(data) <= max(len(data), shortest_fill_bytes)


def handlers() -> list[Handler]:
    return [
        printer_handler(SimulatedPrinter()),
        scanner_handler(SimulatedScanner()),
        scale_handler(SimulatedScale()),
        display_handler(SimulatedDisplay()),
    ]


DOES = st.sampled_from(["set", "scan", "send", "load", "say", "lines", "paper", "receipts", "fault_after", "counts"])


@given(st.binary(max_size=60) | st.dictionaries(st.text(max_size=8), VALUES).map(lambda one: json.dumps(one).encode()))
def test_any_line_to_the_hand_of_a_device_is_answered(line: bytes) -> None:
    for handle in handlers():
        assert isinstance(asyncio.run(answer(line, handle))["ok"], bool)


@given(
    DOES,
    st.dictionaries(
        st.sampled_from(["text", "hex", "milli", "bytes", "fault", "from", "silent", "dribble", "moves", "suffix"]),
        VALUES,
    ),
)
def test_any_request_to_the_hand_of_a_device_is_answered(do: str, fields: dict[str, Any]) -> None:
    for handle in handlers():
        assert isinstance(asyncio.run(answer(json.dumps({"do": do, **fields}).encode(), handle))["ok"], bool)


@pytest.mark.parametrize("device", [SimulatedPrinter(), SimulatedScanner(), SimulatedScale(), SimulatedDisplay()])
@given(line=st.text(max_size=40))
def test_any_typed_line_is_a_request(device: SimulatedPrinter, line: str) -> None:
    assert isinstance(request(device, line)["do"], str)
