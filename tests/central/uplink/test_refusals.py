"""What a body of events is refused with, in the contract's order (section 4); nothing of a refused one is stored."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from protocol.lines import line_bytes_max
from protocol.uplink import body_bytes_max, events_per_body_max
from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import enrol_again
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.tills import Till

BOMB = zstandard.ZstdCompressor().compress(b"\0" * (200 * 1024 * 1024))


async def stored(till: Till) -> int:
    (row,) = await till.rows("select count(*) as lines from till.events where tenant_id = $1")
    return int(row["lines"])


async def test_no_token_no_answer_but_401(central: Central, till: Till) -> None:
    till.sells(1)
    body, signature = till.journal.body()
    headers = {"Content-Type": "text/plain", "Chain-Signature": signature}

    status, answer, _ = await central.anybody().request("POST", "/v1/sync/events", data=body, headers=headers)

    assert (status, answer["type"].rpartition("/")[2]) == (401, "unauthenticated")


async def test_an_api_key_may_not_deliver(tenant: TenantFixture, till: Till) -> None:
    till.sells(1)
    body, signature = till.journal.body()
    headers = {"Content-Type": "text/plain", "Chain-Signature": signature}

    status, answer, _ = await tenant.request("POST", "/v1/sync/events", data=body, headers=headers)

    assert (status, answer["type"].rpartition("/")[2]) == (403, "forbidden")


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "text/plain"])
@pytest.mark.parametrize("signature", ["good", "bad"])
async def test_a_revoked_terminal_hears_that_before_anything_else(
    tenant: TenantFixture, till: Till, content_type: str, signature: str
) -> None:
    till.sells(2)
    await till.delivers(1, 1)
    await tenant.post(f"/v1/terminals/{till.terminal_id}/revocation", {})
    more = {} if signature == "good" else {"Chain-Signature": "bad"}

    status, answer, _ = await till.delivers(2, 2, **{"Content-Type": content_type, **more})

    assert (status, answer["type"].rpartition("/")[2]) == (403, "revoked")
    assert await stored(till) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Encoding": "br"},
        {"Content-Encoding": "gzip, gzip"},
    ],
)
async def test_another_type_or_encoding_is_415_whatever_the_body_is(till: Till, headers: dict[str, str]) -> None:
    status, answer, _ = await till.posts(b"no event at all", **headers)

    assert (status, answer["type"].rpartition("/")[2]) == (415, "unsupported-media-type")


async def test_more_than_4_mib_compressed_is_413_before_it_is_read(central: Central, till: Till) -> None:
    head = f"Content-Encoding: zstd\r\nContent-Length: {body_bytes_max + 1}\r\n"

    assert await status_of_raw(central, till, head.encode() + b"\r\n{") == 413


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda raw: raw[:-3],
    "trailing": lambda raw: raw + b"more",
    "broken": lambda raw: raw[:20] + b"\0\0" + raw[22:],
    "never compressed": lambda _: b"plain",
}


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
async def test_a_broken_stream_is_400_bad_encoding(till: Till, encoding: str) -> None:
    till.sells(3)
    body, signature = till.journal.body()
    raw = zstandard.ZstdCompressor(write_checksum=True).compress(body) if encoding == "zstd" else gzip.compress(body)
    headers = {"Content-Encoding": encoding, "Chain-Signature": signature}

    for name, spoil in BROKEN.items():
        status, answer, _ = await till.posts(spoil(raw), **headers)
        assert (status, answer["type"].rpartition("/")[2]) == (400, "bad-encoding"), name

    assert (await till.posts(raw, **headers))[0] == 200


async def test_a_bomb_is_413(till: Till) -> None:
    status, answer, _ = await till.posts(BOMB, **{"Content-Encoding": "zstd"})

    assert (status, answer["type"].rpartition("/")[2]) == (413, "too-large")


async def test_more_events_than_a_body_may_have_are_413_before_the_signature(till: Till) -> None:
    status, answer, _ = await till.posts(b"{}\n" * (events_per_body_max + 1))

    assert (status, answer["type"].rpartition("/")[2]) == (413, "too-large")


async def test_a_line_too_long_is_named(till: Till) -> None:
    status, answer, _ = await till.posts(b"{}\n{}\n" + b"x" * (line_bytes_max + 1) + b"\n{}")

    assert (status, answer["type"].rpartition("/")[2], answer["line"]) == (413, "line-too-long", 3)


async def test_a_missing_or_wrong_signature_is_401_before_any_json_is_read(till: Till, new_till: NewTill) -> None:
    body = b"this is no JSON\n"
    other = (await new_till("Other")).journal.signature(body.strip())

    for signature in (None, "", "AAAA", "not base64!", "A" * 88, other):
        headers = {} if signature is None else {"Chain-Signature": signature}
        status, answer, _ = await till.posts(body, **headers)
        assert (status, answer["type"].rpartition("/")[2]) == (401, "bad-signature")


def _envelope(**changed: Any) -> bytes:
    envelope = {
        "sequence": 1,
        "prev": "0" * 64,
        "type": "TILL_LOG",
        "version": 1,
        "created_at": "2026-11-24T12:00:00Z",
        "business_date": "2026-11-24",
        "payload": {"kind": "x"},
        **changed,
    }
    return json.dumps({name: value for name, value in envelope.items() if value is not ...}).encode()


NO_EVENTS = [
    b"[]",
    b'"text"',
    b"{",
    b"",
    b"  ",
    b"\xef\xbb\xbf" + _envelope(),
    b"\xff" + _envelope(),
    _envelope() + b" {}",
    _envelope(sequence=0),
    _envelope(sequence=-1),
    _envelope(sequence=1.0),
    _envelope(sequence="1"),
    _envelope(sequence=True),
    _envelope(sequence=2**53),
    _envelope(prev="A" * 64),
    _envelope(prev="0" * 63),
    _envelope(prev="0" * 64 + "\n"),
    _envelope(type="sale"),
    _envelope(type=""),
    _envelope(type="A" * 65),
    _envelope(version="1"),
    _envelope(created_at=1),
    _envelope(business_date=None),
    _envelope(payload=[]),
    _envelope(payload=None),
    *(_envelope(**{name: ...}) for name in ("sequence", "prev", "type", "version", "created_at", "payload")),
    _envelope().replace(b'"kind": "x"', b'"kind": "x", "kind": "y"'),
    _envelope().replace(b'"sequence": 1', b'"sequence": 1, "sequence": 1'),
    _envelope().replace(b'"x"', b"[" * 40 + b"]" * 40),
    _envelope().replace(b'"x"', b"[" * 50_000 + b"]" * 50_000),
    _envelope().replace(b'"x"', b"NaN"),
    _envelope().replace(b'"x"', b'"\xff"'),
]


async def test_what_is_no_event_is_422_with_its_line(till: Till) -> None:
    till.logs(1)

    for line in NO_EVENTS:
        status, answer, _ = await till.sends([till.journal.lines[0], line])
        assert (status, answer["type"].rpartition("/")[2], answer["line"]) == (422, "bad-envelope", 2), line[:200]

    assert await stored(till) == 0


async def test_lines_that_do_not_follow_each_other_are_422(till: Till) -> None:
    till.logs(3)

    for taken in ([0, 2], [1, 0], [0, 0]):
        status, answer, _ = await till.sends([till.journal.lines[index] for index in taken])
        assert (status, answer["type"].rpartition("/")[2], answer["line"]) == (422, "bad-envelope", 2)


@pytest.mark.parametrize("signature", [None, "AAAA"])
async def test_an_empty_body_is_422_whatever_its_signature(till: Till, signature: str | None) -> None:
    headers = {} if signature is None else {"Chain-Signature": signature}

    status, answer, _ = await till.posts(b"", **headers)

    assert (status, answer["type"].rpartition("/")[2], answer["line"]) == (422, "bad-envelope", 1)


@pytest.mark.parametrize("count", [1, 2])
async def test_the_last_newline_may_be_absent_and_an_empty_line_may_not_stand(till: Till, count: int) -> None:
    till.logs(1)
    line = till.journal.lines[0]
    signature = till.journal.signature(line if count == 1 else b"")

    status, _, _ = await till.posts(line + b"\n" * (count - 1) * 2, **{"Chain-Signature": signature})

    assert status == (200 if count == 1 else 422)


async def test_too_far_ahead_names_what_is_missing_and_stores_nothing(till: Till) -> None:
    till.logs(3)
    await till.delivers(1, 2)
    far = till.journal.lines[2].replace(b'"sequence":3', b'"sequence":100003')

    status, answer, _ = await till.sends([far])

    assert (status, answer["type"].rpartition("/")[2], answer["missing"]) == (409, "too-far-ahead", [[3, 100_002]])
    assert await stored(till) == 2


async def test_a_replaced_epoch_still_delivers(till: Till) -> None:
    till.sells(2)
    await till.delivers(1, 1)
    newer = Till(await enrol_again(till.terminal))
    till.sells(1)

    status, answer, _ = await till.delivers(2, 3)

    assert status == 200
    assert answer["applied_through"] == 3
    newer.sells(1)
    status, answer, _ = await newer.delivers()
    assert (status, answer["applied_through"]) == (200, 1)


async def test_events_made_after_a_newer_enrolment_raise_old_epoch_activity(till: Till) -> None:
    till.sells(1)
    await enrol_again(till.terminal)
    till.journal.at = till.journal.at.replace(year=till.journal.at.year + 1)
    till.logs(1)

    _, answer, _ = await till.delivers()

    found = {(found["code"], found["sequence"]) for found in answer["exceptions"]}
    assert ("old-epoch-activity", 2) in found
    assert ("old-epoch-activity", 1) not in found


async def test_a_slow_body_is_408(central: Central, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("central.uplink.routes.body_seconds_max", 0.05)

    assert await status_of_raw(central, till, b"Content-Length: 100\r\n\r\n{") == 408


async def status_of_raw(central: Central, till: Till, rest: bytes) -> int:
    """The status that a request gets whose body never comes to its end."""
    host, port = central.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v1/sync/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {till.terminal.token}\r\n"
        "Content-Type: application/x-ndjson\r\n".encode()
    )
    writer.write(rest)
    await writer.drain()
    head = await reader.readuntil(b"\r\n")
    writer.close()
    return int(head.split()[1])
