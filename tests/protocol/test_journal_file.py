"""A journal in a file comes back as the sections that were signed, and nothing can be added to it."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol.chain import line_hash, load_public_key, public_key_text, sign_batch, verify_batch
from protocol.journal_file import (
    JournalFileError,
    JournalHeader,
    SectionSignature,
    cut_sections,
    read_header,
    read_sections,
    write_header,
)
from protocol.lines import line_bytes_max
from protocol.uplink import body_bytes_max, events_per_body_max

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TERMINAL = UUID("01920000-0000-7000-8000-000000000001")


def header_over(lines: list[bytes]) -> JournalHeader:
    signatures = []
    done = 0
    for count in cut_sections(map(len, lines)):
        done += count
        signatures.append(SectionSignature(count, sign_batch(KEY, line_hash(lines[done - 1]))))
    return JournalHeader(terminal_id=TERMINAL, epoch=2, public_key=public_key_text(KEY), signatures=tuple(signatures))


@given(st.lists(st.integers(1, 40), max_size=20))
def test_a_journal_written_to_a_file_is_read_back_line_by_line(lengths: list[int]) -> None:
    lines = [b"x" * length for length in lengths]
    header = read_header(write_header(header_over(lines)))

    sections = list(read_sections(header, (line + b"\n" for line in lines)))

    assert [line for section in sections for line in section.lines] == lines


def test_each_section_is_a_body_whose_signature_holds() -> None:
    lines = [b"%d" % number for number in range(events_per_body_max + 7)]
    header = header_over(lines)

    first, second = read_sections(header, lines)

    assert (len(first.lines), len(second.lines)) == (events_per_body_max, 7)
    assert (first.first_line, second.first_line) == (2, events_per_body_max + 2)
    for section in (first, second):
        key = load_public_key(header.public_key)
        assert verify_batch(key, section.signature, line_hash(section.lines[-1]))


def test_long_lines_cut_a_section_before_it_outgrows_a_body() -> None:
    sections = cut_sections([line_bytes_max] * 40)

    assert sum(sections) == 40
    assert max(sections) * (line_bytes_max + 1) <= body_bytes_max


def test_a_file_that_ends_early_says_where() -> None:
    header = header_over([b"one", b"two", b"three"])

    with pytest.raises(JournalFileError) as refusal:
        list(read_sections(header, [b"one\n", b"two\n"]))

    assert refusal.value.line == 3


def test_a_line_added_behind_the_last_signature_is_refused() -> None:
    header = header_over([b"one"])

    with pytest.raises(JournalFileError) as refusal:
        list(read_sections(header, [b"one\n", b"smuggled\n"]))

    assert refusal.value.line == 3


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b'{"format":"tillstream-journal-1"}', b"\xff", b"[" * 100_000, b'{"format":"other-1"}'],
)
def test_what_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(JournalFileError):
        read_header(line)


def test_a_header_of_a_newer_format_is_named_as_such() -> None:
    line = write_header(header_over([])).replace(b"journal-1", b"journal-9")

    with pytest.raises(JournalFileError, match="newer version"):
        read_header(line)
