"""A till's chain of lines, its signatures, its enrolment and its assertions, as sections 3 and 4 put them."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.contract.independent_client import Answer, Client

assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def base64_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def url_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def public_text(key: Ed25519PrivateKey) -> str:
    return base64_text(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def enrolment_body(code: str, key: Ed25519PrivateKey) -> dict[str, str]:
    """What a terminal sends to be enrolled: its public key and the proof that it holds the private one."""
    text = public_text(key)
    proof = key.sign(f"tillstream-enrol-1\n{code}\n{text}".encode())
    return {"enrolment_code": code, "public_key": text, "proof": base64_text(proof)}


def signed_token(key: Ed25519PrivateKey, claims: Mapping[str, Any], **header: Any) -> str:
    """A JWT made by hand, so that every part of it can be made wrong."""
    head = {name: value for name, value in {"alg": "EdDSA", "typ": "JWT", **header}.items() if value is not None}
    text = ".".join(url_text(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{url_text(key.sign(text.encode()))}"


@dataclass
class Journal:
    """The lines of one epoch; each names its writer through the chain."""

    terminal_id: str
    epoch: int
    key: Ed25519PrivateKey
    lines: list[bytes] = field(default_factory=list)

    @property
    def first_prev(self) -> str:
        return sha256(f"tillstream-chain-1\n{self.terminal_id}\n{self.epoch}\n{public_text(self.key)}".encode())

    @property
    def last_hash(self) -> str:
        return sha256(self.lines[-1]) if self.lines else self.first_prev

    def clone(self, upto: int | None = None) -> "Journal":
        """The disk as it was copied at sequence `upto`."""
        return Journal(self.terminal_id, self.epoch, self.key, self.lines[:upto])

    def envelope(self, type_: str, payload: Any, **changed: Any) -> dict[str, Any]:
        fields = {
            "sequence": len(self.lines) + 1,
            "prev": self.last_hash,
            "type": type_,
            "version": 1,
            "created_at": utc_now(),
            "business_date": today(),
            "payload": payload,
        }
        return {**fields, **changed}

    def append(self, type_: str, payload: Any, **changed: Any) -> bytes:
        return self.append_raw(json.dumps(self.envelope(type_, payload, **changed)).encode())

    def append_raw(self, line: bytes) -> bytes:
        self.lines.append(line)
        return line

    def log(self, kind: str = "reprint", **data: Any) -> bytes:
        """A line of book-keeping that moves no money."""
        return self.append("TILL_LOG", {"kind": kind, "cashier_id": None, "shift_id": None, "data": data})

    def logs(self, count: int) -> "Journal":
        for number in range(count):
            self.log(number=number)
        return self

    def signature_of(self, last_line: bytes) -> str:
        return base64_text(self.key.sign(f"tillstream-batch-1\n{sha256(last_line)}".encode()))


@dataclass
class Till:
    """An enrolled terminal: what central told it, its journal and its token."""

    client: Client
    identity: Mapping[str, Any]
    journal: Journal
    code: str

    @property
    def terminal_id(self) -> str:
        return self.journal.terminal_id

    @property
    def epoch(self) -> int:
        return self.journal.epoch

    @property
    def location_id(self) -> str:
        return str(self.identity["location_id"])

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        fields = {
            "iss": self.terminal_id,
            "sub": self.terminal_id,
            "aud": self.identity["issuer"],
            "epoch": self.epoch,
            "iat": now,
            "exp": now + 120,
            "jti": str(uuid4()),
        }
        return {name: value for name, value in {**fields, **changed}.items() if value is not ...}

    def ask_token(self, assertion: str) -> Answer:
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": assertion_type,
            "client_assertion": assertion,
        }
        return self.client.with_bearer(None).form("/v1/oauth/token", fields)

    def sign_in(self, **claims: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask_token(signed_token(self.journal.key, self.claims(**claims))).ok()
        self.client = self.client.with_bearer(answer["access_token"])
        return answer

    def send(
        self,
        lines: Sequence[bytes] | bytes,
        encode: Callable[[bytes], bytes] = bytes,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send lines (or a whole body) under a signature of the last of them."""
        body = lines if isinstance(lines, bytes) else b"".join(line + b"\n" for line in lines)
        last = body.removesuffix(b"\n").rpartition(b"\n")[2]
        sent = {
            "Content-Type": "application/x-ndjson",
            "Chain-Signature": self.journal.signature_of(last),
            **(headers or {}),
        }
        return self.client.call(
            "POST",
            "/v1/sync/events",
            encode(body),
            {name: value for name, value in sent.items() if value is not None},
        )

    def push(self, first: int = 1, last: int | None = None) -> dict[str, Any]:
        """Send the journal's lines from sequence `first` to `last`, and expect a 200."""
        answer: dict[str, Any] = self.send(self.journal.lines[first - 1 : last]).ok()
        return answer

    def position(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get("/v1/sync/position").ok()
        return answer
