"""Columns as PostgreSQL reads them."""

from uuid import UUID

import asyncpg
import pytest

from central.database import id_list, numbers, sparse
from protocol.events import amount_max


@pytest.fixture
def ids() -> list[UUID]:
    return [UUID(int=number) for number in (1, 2**127, 2**128 - 1)]


async def test_whole_numbers_arrive_as_they_are(superuser_address: str) -> None:
    column = [0, -1, amount_max, -(2**63), 2**63 - 1]
    connection = await asyncpg.connect(superuser_address)

    assert await connection.fetchval("select $1::text::bigint[]", numbers(column)) == column
    assert await connection.fetchval("select $1::text::bigint[]", numbers([])) == []
    await connection.close()


async def test_ids_arrive_whether_they_are_texts_or_not(superuser_address: str, ids: list[UUID]) -> None:
    connection = await asyncpg.connect(superuser_address)

    assert await connection.fetchval("select $1::text::uuid[]", id_list(ids)) == ids
    assert await connection.fetchval("select $1::text::uuid[]", id_list([str(one) for one in ids])) == ids
    await connection.close()


async def test_a_column_that_holds_nothing_is_null_in_every_row(superuser_address: str) -> None:
    query = "select * from unnest($1::text::bigint[], $2::text[], $3::uuid[])"
    connection = await asyncpg.connect(superuser_address)

    rows = await connection.fetch(query, numbers([1, 2]), sparse((None, "b")), sparse((None, None)))

    assert [tuple(row) for row in rows] == [(1, None, None), (2, "b", None)]
    await connection.close()
