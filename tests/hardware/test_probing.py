"""What answers at an address that a person named."""

from __future__ import annotations

import pytest

from hardware.probing import Probed, probe
from hardware.simulated import SimulatedPrinter, SimulatedScale, SimulatedScanner
from hardware.transports import NotThere


async def test_a_printer_is_known_by_its_status_and_says_its_name(printer: SimulatedPrinter) -> None:
    found = await probe(printer.address)

    assert found == Probed("printer", printer.address, "TILLSTREAM SIM-80")
    assert printer.paper() == ""


@pytest.mark.parametrize("protocol", ["toledo-8217", "sma"])
async def test_a_scale_is_known_by_its_answer(protocol: str) -> None:
    async with SimulatedScale(protocol, listen="127.0.0.1:0") as scale:
        found = await probe(scale.address, answer_seconds=0.2)

        assert found == Probed("scale", scale.address, f"speaks {protocol}", protocol)


async def test_what_says_nothing_is_not_guessed() -> None:
    async with SimulatedScanner(listen="127.0.0.1:0") as scanner:
        assert await probe(scanner.address, answer_seconds=0.02) is None


async def test_nobody_at_an_address_is_said_so() -> None:
    with pytest.raises(NotThere):
        await probe("tcp://127.0.0.1:4")
