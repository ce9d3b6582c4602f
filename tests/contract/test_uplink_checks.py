"""Section 4: which check answers first, and what each refusal of a body says."""

import gzip
import itertools
import json
import os
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.independent_client import Answer
from tests.contract.independent_journal import Till, base64_text, sha256
from tests.contract.independent_shop import Register, Shop

body_bytes_max = 4 * 1024 * 1024
line_bytes_max = 256 * 1024


@dataclass
class Delivery:
    """A request in the making; each fault spoils one part of it."""

    shop: Shop
    till: Till
    lines: list[bytes]
    headers: dict[str, str | None] = field(default_factory=dict)
    encode: Callable[[bytes], bytes] = bytes

    def send(self) -> Answer:
        return self.till.send(self.lines, self.encode, self.headers)


def without_token(delivery: Delivery) -> None:
    delivery.headers["Authorization"] = "Bearer nobody"


def from_a_revoked_epoch(delivery: Delivery) -> None:
    delivery.shop.tenant.owner.post(f"/v1/terminals/{delivery.till.terminal_id}/revocation", {}).ok(204)


def of_another_type(delivery: Delivery) -> None:
    delivery.headers["Content-Type"] = "application/json"


def over_4_mib_as_sent(delivery: Delivery) -> None:
    noise = os.urandom(body_bytes_max + 1)
    delivery.encode = lambda _: noise


def broken_in_transit(delivery: Delivery) -> None:
    delivery.headers["Content-Encoding"] = "gzip"
    if delivery.encode is bytes:
        delivery.encode = lambda body: gzip.compress(body)[:-9]


def of_1001_events(delivery: Delivery) -> None:
    delivery.lines += [b"{}"] * (1001 - len(delivery.lines))


def signed_by_another_key(delivery: Delivery) -> None:
    delivery.headers["Chain-Signature"] = base64_text(Ed25519PrivateKey.generate().sign(b"tillstream-batch-1\n"))


def with_a_line_that_is_no_json(delivery: Delivery) -> None:
    delivery.lines[-1] = b"no JSON"


def that_forks(delivery: Delivery) -> None:
    """The first line has other bytes than the one that central holds."""
    other = delivery.till.journal.clone(0)
    for kind in ("another", "and its follower"):
        other.log(kind)
    delivery.lines[:2] = other.lines


faults: list[tuple[Callable[[Delivery], None], int, str]] = [
    (without_token, 401, "unauthenticated"),
    (from_a_revoked_epoch, 403, "revoked"),
    (of_another_type, 415, "unsupported-media-type"),
    (over_4_mib_as_sent, 413, "too-large"),
    (broken_in_transit, 400, "bad-encoding"),
    (of_1001_events, 413, "too-large"),
    (signed_by_another_key, 401, "bad-signature"),
    (with_a_line_that_is_no_json, 422, "bad-envelope"),
    (that_forks, 409, "chain-fork"),
]
pairs = list(itertools.combinations(reversed(faults), 2))


@pytest.mark.parametrize(("later", "earlier"), pairs, ids=lambda fault: fault[0].__name__)
def test_of_two_faults_the_earlier_check_answers_and_nothing_is_stored(
    shop: Shop, register: Register, later: Any, earlier: Any
) -> None:
    till = register.till
    till.journal.logs(1)
    till.push()
    till.journal.logs(2)
    delivery = Delivery(shop, till, till.journal.lines[1:])
    for fault, _, _ in sorted((later, earlier), key=faults.index, reverse=True):
        fault(delivery)

    answer = delivery.send()

    assert answer.refusal == earlier[1:]
    assert shop.shown(till)["applied_through"] == 1
    assert shop.branches(till) == []


@pytest.mark.parametrize(("fault", "status", "code"), faults, ids=lambda part: getattr(part, "__name__", str(part)))
def test_each_fault_alone_is_refused(shop: Shop, register: Register, fault: Any, status: int, code: str) -> None:
    till = register.till
    till.journal.logs(1)
    till.push()
    till.journal.logs(2)
    delivery = Delivery(shop, till, till.journal.lines[1:])
    fault(delivery)

    answer = delivery.send()

    assert answer.refusal == (status, code)
    assert answer.json["status"] == status
    assert {"type", "title", "status", "detail"} <= set(answer.json)


def test_an_api_key_is_forbidden_to_send_events(shop: Shop, register: Register) -> None:
    register.till.journal.logs(1)
    register.till.client = shop.tenant.owner

    assert register.till.send(register.till.journal.lines).refusal == (403, "forbidden")


def test_a_request_without_credentials_is_unauthenticated_and_says_how(register: Register) -> None:
    register.till.client = register.till.client.with_bearer(None)
    answer = register.till.send(register.till.journal.logs(1).lines)

    assert answer.refusal == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


def zstd_without_size(body: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("zstd", zstd), ("zstd", zstd_without_size), (None, bytes)],
    ids=["gzip", "zstd", "zstd of unknown size", "none"],
)
def test_a_body_is_taken_in_each_encoding(register: Register, encoding: str | None, encode: Any) -> None:
    register.till.journal.logs(3)

    answer = register.till.send(register.till.journal.lines, encode, {"Content-Encoding": encoding}).ok()

    assert (answer["received"], answer["stored"], answer["applied_through"]) == (3, 3, 3)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x-rot13"])
def test_another_content_encoding_is_unsupported(register: Register, encoding: str) -> None:
    lines = register.till.journal.logs(1).lines

    assert register.till.send(lines, zlib.compress, {"Content-Encoding": encoding}).refusal == (
        415,
        "unsupported-media-type",
    )


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream", ""])
def test_another_content_type_is_unsupported(register: Register, content_type: str) -> None:
    lines = register.till.journal.logs(1).lines

    assert register.till.send(lines, headers={"Content-Type": content_type}).refusal == (415, "unsupported-media-type")


breakages: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip cut short": ("gzip", lambda body: gzip.compress(body)[:-9]),
    "gzip without its checksum": ("gzip", lambda body: gzip.compress(body)[:-8]),
    "gzip with a wrong checksum": ("gzip", lambda body: gzip.compress(body)[:-8] + bytes(8)),
    "gzip with a tail": ("gzip", lambda body: gzip.compress(body) + b"tail"),
    "two gzip members": ("gzip", lambda body: gzip.compress(body) + gzip.compress(b"")),
    "no gzip": ("gzip", bytes),
    "zlib in place of gzip": ("gzip", zlib.compress),
    "gzip of nothing": ("gzip", lambda _: b""),
    "zstd cut short": ("zstd", lambda body: zstd(body)[:-3]),
    "zstd with a tail": ("zstd", lambda body: zstd(body) + b"tail"),
    "two zstd frames": ("zstd", lambda body: zstd(body) + zstd(b"x")),
    "no zstd": ("zstd", bytes),
    "gzip in place of zstd": ("zstd", gzip.compress),
    "zstd of nothing": ("zstd", lambda _: b""),
}


@pytest.mark.parametrize(("encoding", "encode"), breakages.values(), ids=breakages)
def test_a_broken_truncated_or_trailing_stream_is_a_bad_encoding(
    register: Register, encoding: str, encode: Any
) -> None:
    lines = register.till.journal.logs(2).lines

    assert register.till.send(lines, encode, {"Content-Encoding": encoding}).refusal == (400, "bad-encoding")
    assert register.till.position()["applied_through"] == 0


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("zstd", zstd), ("zstd", zstd_without_size)])
def test_a_decompression_bomb_is_too_large(register: Register, encoding: str, encode: Any) -> None:
    bomb = encode(bytes(200 * 1024 * 1024))
    assert len(bomb) < body_bytes_max

    answer = register.till.send([b"{}"], lambda _: bomb, {"Content-Encoding": encoding})

    assert answer.refusal == (413, "too-large")


def padded_log(register: Register, size: int) -> bytes:
    """A line of exactly `size` bytes."""
    journal = register.till.journal
    envelope = journal.envelope(
        "TILL_LOG", {"kind": "reprint", "cashier_id": None, "shift_id": None, "data": {"x": ""}}
    )
    bare = json.dumps(envelope).encode()
    return journal.append_raw(bare.replace(b'"x": ""', b'"x": "' + b"a" * (size - len(bare)) + b'"'))


def test_a_body_of_1000_events_is_taken(register: Register) -> None:
    answer = register.till.send(register.till.journal.logs(1000).lines).ok()

    assert (answer["received"], answer["applied_through"]) == (1000, 1000)


def test_a_body_of_1001_events_is_too_large(register: Register) -> None:
    assert register.till.send(register.till.journal.logs(1001).lines).refusal == (413, "too-large")


def test_a_line_of_256_kib_is_taken_and_a_longer_one_is_named(register: Register) -> None:
    register.till.journal.logs(1)
    padded_log(register, line_bytes_max - 1)
    register.till.push()
    padded_log(register, line_bytes_max + 2)

    answer = register.till.send(register.till.journal.lines)

    assert answer.refusal == (413, "line-too-long")
    assert answer.json["line"] == 3
    assert register.till.position()["applied_through"] == 2


@pytest.mark.parametrize(("encoding", "encode"), [(None, bytes), ("gzip", lambda body: gzip.compress(body, 1))])
def test_a_body_of_4_mib_is_taken_and_one_byte_more_is_not(
    register: Register, encoding: str | None, encode: Any
) -> None:
    for _ in range(16):
        padded_log(register, line_bytes_max - 1)
    exact = b"".join(line + b"\n" for line in register.till.journal.lines)
    assert len(exact) == body_bytes_max
    padded_log(register, 1000)
    over = b"".join(line + b"\n" for line in register.till.journal.lines)

    assert register.till.send(over, encode, {"Content-Encoding": encoding}).refusal == (413, "too-large")
    assert register.till.send(exact, encode, {"Content-Encoding": encoding}).ok()["stored"] == 16


signatures: dict[str, Callable[[Till, list[bytes]], str | None]] = {
    "missing": lambda *_: None,
    "empty": lambda *_: "",
    "no base64": lambda *_: "???",
    "too short": lambda *_: base64_text(bytes(63)),
    "all zeros": lambda *_: base64_text(bytes(64)),
    "of the first line": lambda till, lines: till.journal.signature_of(lines[0]),
    "of the last line with its newline": lambda till, lines: till.journal.signature_of(lines[-1] + b"\n"),
    "of the raw hash": lambda till, lines: base64_text(
        till.journal.key.sign(b"tillstream-batch-1\n" + bytes.fromhex(sha256(lines[-1])))
    ),
    "of the bare hash": lambda till, lines: base64_text(till.journal.key.sign(sha256(lines[-1]).encode())),
    "by another key": lambda till, lines: base64_text(
        Ed25519PrivateKey.generate().sign(f"tillstream-batch-1\n{sha256(lines[-1])}".encode())
    ),
}


@pytest.mark.parametrize("sign", signatures.values(), ids=signatures)
def test_a_missing_or_wrong_signature_is_a_bad_signature(register: Register, sign: Any) -> None:
    lines = register.till.journal.logs(2).lines

    answer = register.till.send(lines, headers={"Chain-Signature": sign(register.till, lines)})

    assert answer.refusal == (401, "bad-signature")
    assert register.till.position()["queued"] == []


def test_the_newline_of_the_last_line_may_be_absent(register: Register) -> None:
    body = b"\n".join(register.till.journal.logs(3).lines)

    answer = register.till.send(body).ok()

    assert answer["received"] == 3
    assert answer["last_hash"] == register.till.journal.last_hash


@pytest.mark.long
def test_a_body_that_does_not_arrive_in_30_seconds_is_a_408(register: Register) -> None:
    till = register.till
    lines = till.journal.logs(1).lines
    address = urlsplit(till.client.url)
    head = (
        f"POST /v1/sync/events HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {till.client.bearer}\r\n"
        f"Content-Type: application/x-ndjson\r\nChain-Signature: {till.journal.signature_of(lines[0])}\r\n"
        f"Content-Length: {len(lines[0])}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=50) as connection:
        connection.sendall(head.encode() + lines[0][:-1])
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert till.position()["applied_through"] == 0
