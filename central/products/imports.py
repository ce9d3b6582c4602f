"""One import from the first byte to the answer: rows stream in, and each thousand is a transaction of its own.

What was committed stays, whatever comes after it: sending the same file again leaves those rows `unchanged`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from aiohttp import ClientError

from central.http import BadRequest, Request, TooLarge, UnsupportedMediaType
from central.http.problems import RequestTimeout
from central.products.changes import Making
from central.products.import_rows import (
    Cell,
    CsvReader,
    NdjsonReader,
    Row,
    import_bytes_max,
    read_lines,
    rows_per_commit_max,
)
from central.products.shapes import ImportAnswer, RefusedRow
from central.tenant_session import TenantSession, tenant_session

csv_type: Final = "text/csv"
ndjson_type: Final = "application/x-ndjson"
media_types: Final = (csv_type, ndjson_type)
chunk_seconds_max: Final = 30.0
refused_listed_max: Final = 10_000
"""Refused rows that an answer lists; what is beyond is counted in `refused_count`."""


class Outcome(Protocol):
    """What a batch came to."""

    created: int
    changed: int
    unchanged: int
    refused: list[RefusedRow]


class TakeBatch(Protocol):
    """Import rows in the session's transaction."""

    def __call__(
        self, session: TenantSession, rows: Sequence[Row], making: Making, *, is_csv: bool
    ) -> Awaitable[Outcome]: ...


class Kind(NamedTuple):
    """A kind of import: its columns in CSV, those of which one must be in the header, and what a batch does."""

    columns: Mapping[str, Cell]
    required: tuple[str, ...]
    take: TakeBatch


class _Counts:
    def __init__(self) -> None:
        self.created = self.changed = self.unchanged = self.refused_count = 0
        self.refused: list[RefusedRow] = []

    def add(self, outcome: Outcome) -> None:
        self.created += outcome.created
        self.changed += outcome.changed
        self.unchanged += outcome.unchanged
        self.refuse(outcome.refused)

    def refuse(self, rows: Sequence[RefusedRow]) -> None:
        self.refused_count += len(rows)
        self.refused.extend(rows[: max(0, refused_listed_max - len(self.refused))])

    def answer(self) -> ImportAnswer:
        return ImportAnswer(
            created=self.created,
            changed=self.changed,
            unchanged=self.unchanged,
            refused=tuple(sorted(self.refused, key=lambda row: row.line)),
            refused_count=self.refused_count,
        )


async def run(request: Request, kind: Kind) -> ImportAnswer:
    """Import the request's body; raises problems for a body that cannot be read at all, rows aside."""
    http = request.http
    if http.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("an import is not compressed")
    if http.content_type not in media_types:
        raise UnsupportedMediaType(f"an import is {' or '.join(media_types)}")
    if http.content_length is not None and http.content_length > import_bytes_max:
        raise TooLarge(f"an import may have {import_bytes_max:,} bytes; send it in parts")
    is_csv = http.content_type == csv_type
    reader = CsvReader(kind.columns, kind.required) if is_csv else NdjsonReader()
    counts, waiting = _Counts(), list[Row]()

    async def flush() -> None:
        making = Making(request.services.ids, request.services.clock())
        async with tenant_session(request.services.database, request.caller) as session:
            outcome = await kind.take(session, waiting, making, is_csv=is_csv)
        counts.add(outcome)
        waiting.clear()

    async def keep(read: Iterator[Row | RefusedRow]) -> None:
        for row in read:
            if isinstance(row, RefusedRow):
                counts.refuse([row])
                continue
            waiting.append(row)
            if len(waiting) == rows_per_commit_max:
                await flush()

    async for lines in read_lines(_chunks(request)):
        await keep(reader.feed(lines))
    await keep(reader.finish())
    if waiting:
        await flush()
    return counts.answer()


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; raises `RequestTimeout` where nothing comes, `BadRequest` where it breaks off."""
    content = request.http.content
    while True:
        try:
            async with asyncio.timeout(chunk_seconds_max):
                chunk = await content.readany()
        except TimeoutError as error:
            raise RequestTimeout(headers={"Connection": "close"}) from error
        except (ClientError, OSError, ValueError) as error:
            raise BadRequest("the body broke off; the rows before are kept") from error
        if not chunk:
            return
        yield chunk
