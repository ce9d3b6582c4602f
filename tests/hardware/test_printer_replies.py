"""What a printer says is understood, whatever else comes with it and however it is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.printers.proof import job_ids_max, process_id, proof_request, proves
from hardware.printers.replies import (
    AutomaticStatus,
    BlockAnswer,
    FlowControl,
    RealTimeStatus,
    Reply,
    ReplyParser,
    ShortAnswer,
)
from hardware.printers.status import from_automatic, from_real_time


def read(data: bytes) -> list[Reply]:
    return ReplyParser().feed(data)


def pieces(data: bytes, cuts: list[int]) -> list[Reply]:
    parser = ReplyParser()
    replies: list[Reply] = []
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        replies += parser.feed(data[start:end])
    return replies


@given(st.binary(max_size=300), st.lists(st.integers(0, 1000), max_size=8))
def test_any_bytes_give_the_same_answers_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    assert pieces(data, cuts) == read(data)


@given(st.binary(max_size=300))
def test_after_any_rubbish_a_status_is_heard_at_the_second_asking(rubbish: bytes) -> None:
    parser = ReplyParser()
    parser.feed(rubbish)

    replies = parser.feed(bytes.fromhex("12 12 12 12 12"))

    assert RealTimeStatus(0x12) in replies


@given(st.binary(max_size=200), st.integers(0, job_ids_max - 1))
def test_after_any_rubbish_a_proof_is_heard_behind_a_status(rubbish: bytes, job_id: int) -> None:
    parser = ReplyParser()
    parser.feed(rubbish + bytes.fromhex("12 12 12 12"))

    replies = parser.feed(b"\x37\x22" + process_id(job_id) + b"\x00")

    assert any(proves("process-id", job_id, reply) for reply in replies)


def test_each_kind_of_answer_says_itself_what_it_is() -> None:
    said = bytes.fromhex("12 11 13 10 00 00 00 03 5f 45 50 53 4f 4e 00 37 22 40 40 40 41 00")

    assert read(said) == [
        RealTimeStatus(0x12),
        FlowControl(True),
        FlowControl(False),
        AutomaticStatus(bytes(4).replace(b"\x00", b"\x10", 1)),
        ShortAnswer(3),
        BlockAnswer(0x5F, b"EPSON"),
        BlockAnswer(0x37, b'"@@@A'),
    ]


def test_an_answer_in_real_time_may_stand_within_another() -> None:
    assert read(bytes.fromhex("37 22 40 1a 40 40 41 00")) == [RealTimeStatus(0x1A), BlockAnswer(0x37, b'"@@@A')]
    assert read(bytes.fromhex("18 00 32 0f 00")) == [RealTimeStatus(0x32), AutomaticStatus(b"\x18\x00\x0f\x00")]


@given(st.integers(0, 2**40))
def test_no_byte_of_a_process_id_looks_like_another_answer(job_id: int) -> None:
    assert all(byte & 0x93 not in (0x10, 0x12) and 0x20 < byte < 0x7F for byte in process_id(job_id))


def test_neighbouring_jobs_have_different_process_ids() -> None:
    assert len({process_id(number) for number in range(10_000)}) == 10_000


def test_another_jobs_process_id_is_no_proof() -> None:
    reply = BlockAnswer(0x37, b"\x22" + process_id(7))

    assert (proves("process-id", 7, reply), proves("process-id", 8, reply), proves("none", 7, reply)) == (
        True,
        False,
        False,
    )


def test_a_barrier_is_proof_of_what_came_before_it() -> None:
    assert proof_request("barrier", 7) == b"\x1d\x72\x01"
    assert proves("barrier", 7, ShortAnswer(0))
    assert not proves("barrier", 7, RealTimeStatus(0x12))


@pytest.mark.parametrize(
    ("answers", "reason", "warning"),
    [
        ("12 12 12 12", None, None),
        ("12 12 12 1e", None, "paper_near_end"),
        ("1a 32 12 7e", "paper_out", None),
        ("1a 16 12 12", "cover_open", None),
        ("1a 52 1a 12", "cutter_error", None),
        ("1a 12 32 12", "offline", None),
        ("1a 12 52 12", "hot", None),
        ("1a 12 12 12", "offline", None),
        ("", "no_answer", None),
    ],
)
def test_the_four_answers_say_what_is_wrong(answers: str, reason: str | None, warning: str | None) -> None:
    status = from_real_time(dict(enumerate(bytes.fromhex(answers), start=1)))

    assert (status.reason, status.warning, status.can_print) == (reason, warning, reason is None)


def test_bit_2_of_the_first_answer_is_the_level_of_pin_3() -> None:
    assert from_real_time({1: 0x16}).drawer_pin3_high is True
    assert from_real_time({1: 0x12}).drawer_pin3_high is False


@pytest.mark.parametrize(
    ("said", "reason"), [("10 00 00 00", None), ("18 00 0f 00", "paper_out"), ("38 00 00 00", "cover_open")]
)
def test_an_automatic_status_says_the_same(said: str, reason: str | None) -> None:
    assert from_automatic(bytes.fromhex(said)).reason == reason
