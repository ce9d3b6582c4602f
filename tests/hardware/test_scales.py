"""A weight is fresh, stable, used once, and exact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.scales import PROTOCOLS, NoWeight, ScaleDriver, UsedWeight, Weight
from hardware.scales.readings import Reading, ScaleFramer, thousandths
from hardware.scales.scale_driver import FreshWeight
from hardware.simulated.scale import SimulatedScale
from hardware.transports import LineLost, open_transport


def read(protocol: str, data: str) -> list[Reading]:
    return ScaleFramer(PROTOCOLS[protocol]).feed(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("said", "reading"),
    [
        ("02 30 31 2e 32 35 30 0d", Weight(1250, "KGM")),
        ("02 30 30 2e 30 30 30 0d", Weight(0, "KGM")),
        ("02 30 31 2e 32 35 30 4e 0d", Weight(1250, "KGM", net=True)),
        ("82 b0 31 ae 32 35 30 0d", None),
        ("02 b0 31 2e b2 35 30 0d", Weight(1250, "KGM")),
        ("02 3f 41 0d", NoWeight("in_motion")),
        ("02 3f 42 0d", NoWeight("over_capacity")),
        ("02 3f 44 0d", NoWeight("under_zero")),
        ("02 3f 43 0d", NoWeight("over_capacity")),
        ("02 3f 40 0d", NoWeight("garbled")),
        ("02 30 31 32 35 30 0d", NoWeight("garbled")),
        ("02 0d", NoWeight("garbled")),
    ],
)
def test_the_8217_says_weights_and_troubles(said: str, reading: Reading | None) -> None:
    assert read("toledo-8217", said) == ([] if reading is None else [reading])


@pytest.mark.parametrize(
    ("said", "reading"),
    [
        (b"\n 1G       1.250kg \r", Weight(1250, "KGM")),
        (b"\nZ1G       0.000kg \r", Weight(0, "KGM")),
        (b"\n 1N       0.500lb \r", Weight(500, "LBR", net=True)),
        (b"\n 1GM      1.250kg \r", NoWeight("in_motion")),
        (b"\nO1G            kg \r", NoWeight("over_capacity")),
        (b"\nU1G            kg \r", NoWeight("under_zero")),
        (b"\n 1G      -0.010kg \r", NoWeight("under_zero")),
        (b"\nE1G            kg \r", NoWeight("offline")),
        (b"\n 1G       1.250st \r", NoWeight("garbled")),
        (b"\n1.250\r", NoWeight("garbled")),
    ],
)
def test_the_sma_protocol_says_weights_and_troubles(said: bytes, reading: Reading) -> None:
    assert ScaleFramer(PROTOCOLS["sma"]).feed(said) == [reading]


@given(st.integers(0, 999_999_999))
def test_a_weight_is_read_digit_by_digit(milli: int) -> None:
    assert thousandths(f"{milli // 1000}.{milli % 1000:03d}") == milli


@pytest.mark.parametrize("text", ["", ".", "1,2", "1.2345", "-1", "1e3", "١.٢", "1.2.3", " 1"])
def test_what_is_no_weight_is_none(text: str) -> None:
    assert thousandths(text) is None


@given(st.sampled_from(sorted(PROTOCOLS)), st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_give_the_same_readings_however_they_are_cut(name: str, data: bytes, cut: int) -> None:
    pieces, whole = ScaleFramer(PROTOCOLS[name]), ScaleFramer(PROTOCOLS[name])

    assert pieces.feed(data[:cut]) + pieces.feed(data[cut:]) == whole.feed(data)


@given(st.sampled_from(sorted(PROTOCOLS)), st.binary(max_size=300))
def test_no_weight_is_lost_behind_rubbish(name: str, rubbish: bytes) -> None:
    answer = b"\x0201.250\r" if name == "toledo-8217" else b"\n 1G       1.250kg \r"

    assert ScaleFramer(PROTOCOLS[name]).feed(rubbish + answer)[-1] == Weight(1250, "KGM")


def test_a_weight_is_used_once_and_lives_a_second() -> None:
    weight = FreshWeight(Weight(1250, "KGM"), at=10.0)
    old = FreshWeight(Weight(1250, "KGM"), at=10.0)

    assert weight.take(10.9).milli == 1250
    with pytest.raises(UsedWeight):
        weight.take(10.9)
    with pytest.raises(UsedWeight):
        old.take(11.1)


@pytest.fixture(params=["toledo-8217 tcp", "toledo-8217 pty", "sma tcp", "sma pty"])
async def scale(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedScale]:
    protocol, _, where = request.param.partition(" ")
    async with SimulatedScale(protocol, listen="127.0.0.1:0" if where == "tcp" else None) as simulated:
        yield simulated


async def driver_for(scale: SimulatedScale, seconds: float = 5) -> ScaleDriver:
    transport = open_transport(scale.address)
    await transport.open()
    return ScaleDriver(transport, PROTOCOLS[scale.protocol], answer_seconds=seconds, ask_again_seconds=0)


async def test_a_load_is_weighed_when_it_is_still(scale: SimulatedScale) -> None:
    scale.load_milli, scale.moves = 1250, 3
    driver = await driver_for(scale)

    weighed = await driver.weigh(deadline=5)
    await driver.transport.close()

    assert isinstance(weighed, FreshWeight)
    assert weighed.take(asyncio.get_running_loop().time()).milli == 1250
    assert scale.questions == 4


async def test_an_old_answer_in_the_line_is_not_the_weight(scale: SimulatedScale) -> None:
    driver = await driver_for(scale)
    await driver.ask()
    scale.load_milli = 9999
    scale.say()
    scale.load_milli = 500

    weighed = await driver.weigh(deadline=5)
    await driver.transport.close()

    assert isinstance(weighed, FreshWeight)
    assert weighed.weight.milli == 500


@pytest.mark.parametrize("trouble", ["over_capacity", "under_zero"])
async def test_a_trouble_is_told_at_once(scale: SimulatedScale, trouble: str) -> None:
    scale.set(**{trouble: True})
    driver = await driver_for(scale)

    weighed = await driver.weigh(deadline=5)
    await driver.transport.close()

    assert weighed == NoWeight(trouble)  # type: ignore[arg-type]


async def test_a_silent_scale_gives_no_weight(scale: SimulatedScale) -> None:
    scale.set(silent=True)
    driver = await driver_for(scale, 0.05)

    assert await driver.weigh(deadline=0.05) == NoWeight("no_answer")
    await driver.transport.close()


async def test_a_scale_that_talks_nonsense_or_moves_for_ever_gives_no_weight(scale: SimulatedScale) -> None:
    driver = await driver_for(scale)
    scale.set(in_motion=True)
    moving = await driver.weigh(deadline=0.05)
    scale.set(in_motion=False, garbage=True)
    garbled = await driver.weigh(deadline=0.05)
    await driver.transport.close()

    assert moving == NoWeight("in_motion")
    assert garbled == NoWeight("garbled")


async def test_a_dribbling_scale_is_understood(scale: SimulatedScale) -> None:
    scale.set(dribble=True)
    scale.load_milli = 12
    driver = await driver_for(scale)

    reading = await driver.ask()
    await driver.transport.close()

    assert reading == Weight(12, "KGM")


async def test_an_unplugged_scale_is_told(scale: SimulatedScale) -> None:
    driver = await driver_for(scale)
    await driver.ask()
    scale.unplug()

    with pytest.raises(LineLost):
        await driver.ask()
    await driver.transport.close()
