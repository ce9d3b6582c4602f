"""A terminal's journal as a file that any courier may carry (contract, section 4: `journal export`, `journal import`).

The file is UTF-8 text, every line ended by `\\n`. The first line is a header, one JSON object:

    {"format":"tillstream-journal-1","terminal_id":"…","epoch":2,"public_key":"<base64>",
     "signatures":[{"lines":1000,"signature":"<base64>"},{"lines":17,"signature":"<base64>"}]}

After it stand journal lines, consecutive and in order, each exactly the bytes that the terminal committed. The header's
signatures cut them into sections, in order: the first covers the first `lines` lines, the next those after them, and
together they cover every line of the file. A section keeps the bounds of a body of events (`events_per_body_max` lines,
`body_bytes_max` bytes with newlines), and its signature is what `Chain-Signature` would be over that body. So a file is
nothing but the bodies that the terminal would have sent, one after the other: whoever has the enrolled public key can
check it, nobody else can add a line, and a section is read before any line of it is parsed. A journal without lines
has an empty list of signatures.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from protocol.events import Counter
from protocol.lines import line_bytes_max
from protocol.uplink import body_bytes_max, events_per_body_max

journal_format: Final = "tillstream-journal-1"
header_bytes_max: Final = 16 * 1024 * 1024


class JournalFileError(ValueError):
    """A file is no journal of the form above; `line` counts the file's lines from 1, the header being 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class SectionSignature(Struct, frozen=True):
    """How many lines a section has, and the base64 of the signature over its last one."""

    lines: Annotated[int, Meta(ge=1, le=events_per_body_max)]
    signature: Annotated[str, Meta(min_length=1, max_length=200)]


class JournalHeader(Struct, frozen=True, kw_only=True):
    """The first line: whose journal it is, and what was signed of it."""

    format: str = journal_format
    terminal_id: UUID
    epoch: Counter
    public_key: Annotated[str, Meta(min_length=1, max_length=200)]
    signatures: tuple[SectionSignature, ...]


class Section(Struct, frozen=True):
    """Some lines without their newlines, the signature over the last one, and the number of the first in the file."""

    first_line: int
    lines: list[bytes]
    signature: str


_headers: Final = msgspec.json.Decoder(JournalHeader)
_encoder: Final = msgspec.json.Encoder()


def cut_sections(line_lengths: Iterable[int]) -> list[int]:
    """How many lines each section takes, for lines of these lengths in bytes without newlines, in order."""
    sections: list[int] = []
    lines = size = 0
    for length in line_lengths:
        if length > line_bytes_max:
            raise ValueError(f"a journal line has {line_bytes_max:,} bytes at most, not {length:,}")
        if lines == events_per_body_max or (lines and size + length + 1 > body_bytes_max):
            sections.append(lines)
            lines = size = 0
        lines += 1
        size += length + 1
    return [*sections, lines] if lines else sections


def write_header(header: JournalHeader) -> bytes:
    """The first line of the file, with its newline."""
    return _encoder.encode(header) + b"\n"


def read_header(line: bytes) -> JournalHeader:
    """The header in the file's first line, with or without its newline. Raises `JournalFileError`."""
    if len(line) > header_bytes_max:
        raise JournalFileError(1, f"the header has more than {header_bytes_max:,} bytes")
    try:
        header = _headers.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise JournalFileError(1, "this is no header of a journal file") from error
    if header.format != journal_format:
        raise JournalFileError(1, f"the format is not {journal_format}; a newer version may read it")
    return header


def read_sections(header: JournalHeader, lines: Iterable[bytes]) -> Iterator[Section]:
    """The sections of the lines after the header, one at a time; signatures are not checked here.

    `lines` come with or without their newlines, as a binary file gives them. Raises `JournalFileError` where the file
    ends before a section does, goes on after the last one, or passes a bound.
    """
    following = iter(lines)
    number = 1
    for signed in header.signatures:
        section: list[bytes] = []
        size = 0
        first_line = number + 1
        while len(section) < signed.lines:
            line = next(following, None)
            if line is None:
                raise JournalFileError(number, "the file ends before the lines that its header names")
            number += 1
            line = line.removesuffix(b"\n")
            size += len(line) + 1
            if len(line) > line_bytes_max:
                raise JournalFileError(number, f"the line has more than {line_bytes_max:,} bytes")
            if size > body_bytes_max:
                raise JournalFileError(number, f"its section has more than {body_bytes_max:,} bytes")
            section.append(line)
        yield Section(first_line, section, signed.signature)
    if next(following, None) is not None:
        raise JournalFileError(number + 1, "the file goes on after the lines that its header names")
