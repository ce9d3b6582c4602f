"""PINs: which are too easy, how they are kept, and what a terminal gets of them (contract, section 2).

Kept is argon2id's raw output; a terminal gets its HMAC under the terminal's own key, so that the same PIN looks
different on every till and what one holds is worth nothing without its key.
"""

import asyncio
import base64
import hmac
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.low_level import Type, hash_secret_raw
from msgspec import Struct

pin_digits_max: Final = 12
cashier_digits_min: Final = 4
supervisor_digits_min: Final = 6
salt_bytes: Final = 16
hash_bytes: Final = 32
memory_kib: Final = 19 * 1024
time_cost: Final = 2
parallelism: Final = 1
threads_max: Final = 2
"""Hashes at once: each takes 25 ms of a core and 19 MiB."""
argon2_version: Final = 19


class KeptPin(Struct, frozen=True):
    """What is kept of a PIN."""

    salt: bytes
    hash: bytes
    parameters: dict[str, int]


class Hashing:
    """A few threads that hash, so that the event loop never does."""

    def __init__(self, _services: object = None) -> None:
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="argon2")

    async def pin(self, pin: str) -> KeptPin:
        """A PIN as it is kept, under a fresh salt."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, keep, pin, secrets.token_bytes(salt_bytes))

    async def password(self, password: str) -> str:
        """A password as argon2id's encoded hash."""
        hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
        return await asyncio.get_running_loop().run_in_executor(self._threads, hasher.hash, password)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def weakness(pin: str, role: str) -> str | None:
    """What is wrong with a PIN for a role, None where nothing is."""
    digits_min = supervisor_digits_min if role == "supervisor" else cashier_digits_min
    if not (pin.isascii() and pin.isdigit() and digits_min <= len(pin) <= pin_digits_max):
        return f"a {role}'s PIN has {digits_min} to {pin_digits_max} digits"
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        return "a digit repeated, or a run up or down, is too easy"
    return None


def keep(pin: str, salt: bytes) -> KeptPin:
    """Hash a PIN; slow on purpose."""
    raw = hash_secret_raw(
        pin.encode(),
        salt,
        time_cost=time_cost,
        memory_cost=memory_kib,
        parallelism=parallelism,
        hash_len=hash_bytes,
        type=Type.ID,
        version=argon2_version,
    )
    parameters = {
        "memory_kib": memory_kib,
        "time_cost": time_cost,
        "parallelism": parallelism,
        "hash_bytes": hash_bytes,
        "version": argon2_version,
    }
    return KeptPin(salt, raw, parameters)


def for_terminal(salt: bytes, kept_hash: bytes, parameters: Mapping[str, int], pin_key: bytes) -> dict[str, Any]:
    """What one terminal checks a PIN with: salt, parameters and HMAC, in base64."""
    mac = hmac.digest(pin_key, kept_hash, "sha256")
    return {"salt": base64.b64encode(salt).decode(), **parameters, "hmac": base64.b64encode(mac).decode()}
