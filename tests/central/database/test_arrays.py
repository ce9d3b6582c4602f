"""Columns as PostgreSQL reads them."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from central.database import packed, sparse
from protocol.events import amount_max


@pytest.fixture
def ids() -> list[UUID]:
    return [UUID(int=number) for number in (1, 2**127, 2**128 - 1)]


async def test_whole_numbers_arrive_as_they_are(superuser_address: str) -> None:
    column = [0, -1, amount_max, -(2**63), 2**63 - 1]
    connection = await asyncpg.connect(superuser_address)

    assert await connection.fetchval("select $1::text::bigint[]", packed(column)) == column
    assert await connection.fetchval("select $1::text::bigint[]", packed([])) == []
    await connection.close()


async def test_ids_arrive_whether_they_are_texts_or_not(superuser_address: str, ids: list[UUID]) -> None:
    connection = await asyncpg.connect(superuser_address)

    assert await connection.fetchval("select $1::text::uuid[]", packed(ids)) == ids
    assert await connection.fetchval("select $1::text::uuid[]", packed([str(one) for one in ids])) == ids
    await connection.close()


async def test_a_column_that_holds_nothing_is_null_in_every_row(superuser_address: str) -> None:
    query = "select * from unnest($1::text::bigint[], $2::text[], $3::uuid[])"
    connection = await asyncpg.connect(superuser_address)

    rows = await connection.fetch(query, packed([1, 2]), sparse((None, "b")), sparse((None, None)))

    assert [tuple(row) for row in rows] == [(1, None, None), (2, "b", None)]
    await connection.close()


COLUMNS: list[tuple[str, list[Any]]] = [
    ("uuid", [UUID(int=0), None, UUID("01a22605-7759-7151-8f30-4d0b9c14ef2e")]),
    ("date", [date(1, 1, 1), None, date(2026, 11, 24), date(9999, 12, 31)]),
    ("timestamptz", [datetime(2026, 11, 24, 9, 0, 0, 123456, UTC), None, datetime(1, 1, 1, tzinfo=UTC)]),
    ("boolean", [True, None, False]),
    ("bigint", [0, None, -(2**63), 2**63 - 1]),
    ("integer", []),
    ("text", ["", "NULL", None, "a,b {c}", "Käse 🧀", 'say "x"', "back\\slash", "\\n is no line", "\\\\"]),
    ("text", ["two\nlines", "\t\r\b\f\x01\x1f\x7f", '\\\n"', "\\u0001", " blank "]),
    ("bytea", [b"\x00\xff", None]),
]


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
async def test_a_packed_column_arrives_as_it_is(superuser_address: str, kind: str, column: list[Any]) -> None:
    connection = await asyncpg.connect(superuser_address)
    try:
        given = ["\\x" + of.hex() if isinstance(of, bytes) else of for of in column]
        assert await connection.fetchval(f"select $1::text::{kind}[]", packed(given)) == column
    finally:
        await connection.close()
