"""PINs at the terminal: who somebody is, and when the next try is allowed after wrong ones.

A PIN is argon2id-hashed with the salt and parameters that central sent, then HMACed with this terminal's PIN key, so
that the replica alone cannot be tried out; the hash takes some 25 ms and runs in a thread. Five wrong PINs in a row
lock a person out for 30 s, each further one for twice as long, up to 15 minutes. The count is on the disk; the wait
runs on the monotonic clock and begins anew after a restart, so that neither a restart nor a turned clock shortens it.
"""

import asyncio
import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Callable
from typing import Final

from argon2.low_level import Type, hash_secret_raw

from terminal_agent.catalogue import Catalogue
from terminal_agent.journal import Journal
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import Person
from terminal_agent.replica import PinHash, ReplicaCashier

free_tries: Final = 5
wait_seconds_min: Final = 30.0
wait_seconds_max: Final = 15 * 60.0
memory_kib_max: Final = 256 * 1024
_NOBODY: Final = PinHash(salt=base64.b64encode(bytes(16)).decode(), hmac="")


def wait_seconds(wrong: int) -> float:
    """How long the next try must wait after so many wrong PINs in a row."""
    if wrong < free_tries:
        return 0.0
    return min(wait_seconds_min * 2.0 ** min(wrong - free_tries, 16), wait_seconds_max)


class SignIn:
    """Checks PINs against the replica.

    `pin_key` is base64 as central gave it; `monotonic` is a clock in seconds that nobody can turn.
    """

    def __init__(self, catalogue: Catalogue, journal: Journal, pin_key: bytes, monotonic: Callable[[], float]) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._pin_key = _decoded(pin_key.decode())
        self._monotonic = monotonic
        self._wrong: dict[str, int] = dict(journal.reader.execute("select cashier_id, wrong from pin_attempts"))
        self._next_try = {cashier: monotonic() + wait_seconds(wrong) for cashier, wrong in self._wrong.items()}

    async def person(self, number: str, pin: str) -> Person:
        """Whose number and PIN these are. Raises `Refused`: `wrong-pin` (also for a number that nobody has, after the
        same time) or `pin-locked` with the seconds left."""
        cashier = self._catalogue.cashiers.get(number)
        if cashier is None or cashier.pin is None:
            await asyncio.to_thread(_matches, _NOBODY, pin, self._pin_key)
            raise Refused("wrong-pin")
        key = str(cashier.cashier_id)
        left = self._next_try.get(key, 0.0) - self._monotonic()
        if self._wrong.get(key, 0) >= free_tries and left > 0:
            raise Refused(
                "pin-locked", f"Wait {round(left) or 1} s and try again", retry_after_seconds=round(left) or 1
            )
        if not await asyncio.to_thread(_matches, cashier.pin, pin, self._pin_key):
            await self._count_wrong(key)
            raise Refused("wrong-pin")
        if self._wrong.pop(key, 0):
            self._next_try.pop(key, None)
            await self._journal.write(lambda connection: _forget(connection, key))
        return _person(cashier)

    async def supervisor(self, number: str, pin: str) -> Person:
        """A supervisor who approves. Raises `Refused`."""
        try:
            person = await self.person(number, pin)
        except Refused as refused:
            if refused.code == "wrong-pin":
                raise Refused("approval-refused") from refused
            raise
        if person.role != "supervisor":
            raise Refused("approval-refused")
        return person

    async def _count_wrong(self, key: str) -> None:
        wrong = self._wrong.get(key, 0) + 1
        self._wrong[key] = wrong
        self._next_try[key] = self._monotonic() + wait_seconds(wrong)
        await self._journal.write(lambda connection: _remember(connection, key, wrong))


def pin_hmac(pin_hash: PinHash, pin: str, pin_key: bytes) -> bytes:
    """HMAC-SHA-256(PIN key, argon2id(PIN)), as central made it. Raises `ValueError` for parameters out of bounds."""
    if not 0 < pin_hash.memory_kib <= memory_kib_max:
        raise ValueError(f"argon2 with {pin_hash.memory_kib} KiB is out of bounds")
    raw = hash_secret_raw(
        pin.encode(),
        _decoded(pin_hash.salt),
        time_cost=pin_hash.time_cost,
        memory_cost=pin_hash.memory_kib,
        parallelism=pin_hash.parallelism,
        hash_len=pin_hash.hash_bytes,
        type=Type.ID,
        version=pin_hash.version,
    )
    return hmac.new(pin_key, raw, hashlib.sha256).digest()


def _matches(pin_hash: PinHash, pin: str, pin_key: bytes) -> bool:
    return hmac.compare_digest(pin_hmac(pin_hash, pin, pin_key), _decoded(pin_hash.hmac))


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _person(cashier: ReplicaCashier) -> Person:
    return Person(cashier.cashier_id, cashier.number, cashier.name, cashier.role)


def _remember(connection: sqlite3.Connection, key: str, wrong: int) -> None:
    connection.execute("insert or replace into pin_attempts (cashier_id, wrong) values (?, ?)", (key, wrong))


def _forget(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("delete from pin_attempts where cashier_id = ?", (key,))
