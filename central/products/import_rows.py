"""The rows of an import, as they stream in: CSV or NDJSON, a bounded batch at a time, each with its line number.

What cannot be read is a refused row and nothing more: the rows around it are kept (contract, sections 2 and 12). A row
of CSV may go over several lines within quotes; where a quote is never closed, its line is refused and the next one is
read afresh.
"""

import csv
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from central.http import Invalid, TooLarge
from central.http.bodies import decode
from central.products.shapes import RefusedRow

import_bytes_max: Final = 256 * 1024 * 1024
row_bytes_max: Final = 64 * 1024
rows_per_commit_max: Final = 1_000

Cell = Callable[[str], Any]
_INTEGER: Final = re.compile(r"-?[0-9]{1,16}\Z")


class Row(NamedTuple):
    """A row that could be read: field by name, null where a cell was empty."""

    line: int
    fields: dict[str, Any]


class Line(NamedTuple):
    """A line of the body without its end; no text where it is longer than a row may be."""

    number: int
    text: bytes | None


async def read_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[Line]]:
    """The lines of a body, as many at a time as came; raises `TooLarge` past `import_bytes_max`."""
    size, number, rest, skipping = 0, 0, b"", False
    async for chunk in chunks:
        size += len(chunk)
        if size > import_bytes_max:
            raise TooLarge(f"an import may have {import_bytes_max:,} bytes; send it in parts")
        *whole, rest = (rest + chunk).split(b"\n")
        lines = []
        for text in whole:
            number += 1
            lines.append(Line(number, None if skipping or len(text) > row_bytes_max else text.removesuffix(b"\r")))
            skipping = False
        if len(rest) > row_bytes_max:
            rest, skipping = b"", True
        if lines:
            yield lines
    if rest or skipping:
        yield [Line(number + 1, None if skipping else rest.removesuffix(b"\r"))]


class NdjsonReader:
    """One JSON object a line."""

    def feed(self, lines: list[Line]) -> Iterator[Row | RefusedRow]:
        for line in lines:
            if line.text is None:
                yield _too_long(line.number)
            elif line.text.strip():
                yield _object(line.number, line.text.removeprefix(b"\xef\xbb\xbf") if line.number == 1 else line.text)

    def finish(self) -> Iterator[Row | RefusedRow]:
        return iter(())


class CsvReader:
    """RFC 4180 with a header of field names; columns that are not known are passed over."""

    def __init__(self, columns: Mapping[str, Cell], required: tuple[str, ...]) -> None:
        self._columns = columns
        self._required = required
        self._header: list[str] | None = None
        self._waiting: deque[Line] = deque()

    def feed(self, lines: list[Line]) -> Iterator[Row | RefusedRow]:
        self._waiting.extend(lines)
        return self._rows(ended=False)

    def finish(self) -> Iterator[Row | RefusedRow]:
        yield from self._rows(ended=True)
        if self._header is None:
            raise Invalid("the first line is a header of field names", field=self._required[0])

    def _rows(self, *, ended: bool) -> Iterator[Row | RefusedRow]:
        while self._waiting:
            first = self._waiting[0]
            if first.text is None:
                self._waiting.popleft()
                yield _too_long(first.number)
                continue
            taken = self._lines_of_a_row(ended=ended)
            if taken == 0:
                return
            lines = [self._waiting.popleft() for _ in range(max(taken, 1))]
            if taken < 0:
                yield RefusedRow(first.number, None, "a quote is opened and never closed")
                continue
            text = b"\n".join(line.text or b"" for line in lines)
            if text.strip():
                row = self._row(first.number, text)
                if row is not None:
                    yield row

    def _lines_of_a_row(self, *, ended: bool) -> int:
        """How many lines the next row takes; 0 = more are needed, −1 = its quote is never closed."""
        quotes = size = 0
        for index, line in enumerate(self._waiting):
            if line.text is None:
                return -1
            quotes += line.text.count(b'"')
            size += len(line.text) + 1
            if size > row_bytes_max + 1:
                return -1
            if quotes % 2 == 0:
                return index + 1
        return -1 if ended else 0

    def _row(self, number: int, text: bytes) -> Row | RefusedRow | None:
        try:
            cells = next(csv.reader([text.decode()], strict=True))
        except UnicodeDecodeError:
            return RefusedRow(number, None, "the row is not UTF-8")
        except csv.Error as error:
            return RefusedRow(number, None, f"the row is not CSV: {error}")
        if self._header is None:
            self._header = self._read_header(cells)
            return None
        if len(cells) != len(self._header):
            return RefusedRow(number, None, f"the row has {len(cells)} cells, the header {len(self._header)}")
        return self._read_cells(number, cells)

    def _read_header(self, cells: list[str]) -> list[str]:
        header = [cell.strip().removeprefix("\ufeff") for cell in cells]
        if len(set(header)) != len(header):
            raise Invalid("the header names a field twice", field=next(n for n in header if header.count(n) > 1))
        if set(self._required).isdisjoint(header):
            name = self._required[0]
            raise Invalid(f"the header has no {name}; its first line names the fields", field=name)
        return header

    def _read_cells(self, number: int, cells: list[str]) -> Row | RefusedRow:
        assert self._header is not None
        fields: dict[str, Any] = {}
        for name, cell in zip(self._header, cells, strict=True):
            read = self._columns.get(name)
            if read is None:
                continue
            if "\0" in cell:
                return RefusedRow(number, name, "U+0000 is not allowed")
            try:
                fields[name] = read(cell) if cell else None
            except ValueError as error:
                return RefusedRow(number, name, str(error))
        return Row(number, fields)


def _too_long(number: int) -> RefusedRow:
    return RefusedRow(number, None, f"a row may have {row_bytes_max:,} bytes")


def _object(number: int, text: bytes) -> Row | RefusedRow:
    try:
        return Row(number, decode(text, dict[str, Any]))
    except Invalid as problem:
        return RefusedRow(number, str(problem.members["field"]) or None, problem.detail)


def text_cell(cell: str) -> str:
    return cell


def integer_cell(cell: str) -> int:
    if not _INTEGER.match(cell.strip()):
        raise ValueError("not an integer")
    return int(cell)


def boolean_cell(cell: str) -> bool:
    match cell.strip().lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise ValueError("neither true nor false")


def words_cell(cell: str) -> list[str]:
    return cell.split()


def json_cell(cell: str) -> Any:
    try:
        return msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError("not JSON") from error
