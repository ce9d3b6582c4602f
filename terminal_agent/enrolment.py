"""Enrolling: a new key made here, an identity from central, and nothing half done whatever is cut in between.

The private key is on the disk before the code is sent, under the code's own name. So where the answer is lost on the
way, the same command with the same code sends the same key, and central gives its first answer again.
"""

import contextlib
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from migrations.terminal.journal import migrations
from protocol.chain import public_key_text
from protocol.enrolment import EnrolAnswer, EnrolmentCodeError, enrol_request, read_code
from terminal_agent.central_link import Answer, CentralUnreachableError, ask, check_server
from terminal_agent.database import connect, migrate, transaction
from terminal_agent.identity import Enrolment, add_enrolment, enrolments, pending
from terminal_agent.server_trust import tls_context
from terminal_agent.state_directory import StateDirectory, private_bytes, sync_directory

enrol_seconds_max: Final = 30.0


class EnrolmentError(Exception):
    """The terminal was not enrolled; the message names the next step."""


async def enrol(
    directory: StateDirectory, *, server: str, code: str, ca_file: Path | None, keep_journal: bool, at: datetime
) -> Enrolment:
    """Enrol this terminal at `server` with a code from the back office; the caller holds the directory's lock.

    Raises `EnrolmentError`, `ServerAddressError` or `StateDirectoryError`.
    """
    server = check_server(server)
    try:
        plain = read_code(code)
    except EnrolmentCodeError as error:
        raise EnrolmentError(f"{error}; the back office shows it beside the terminal") from error
    connection = connect(directory.journal, "FULL")
    with contextlib.closing(connection):
        migrate(connection, migrations)
        lines = pending(connection)
        if lines and not keep_journal:
            raise EnrolmentError(
                f"{lines} lines of the journal are not acknowledged yet; `till-terminal journal push` first, "
                "or --keep-journal to go on delivering them"
            )
        draft = f"draft-{hashlib.sha256(plain.encode()).hexdigest()[:16]}.key"
        key = directory.read_private_key(draft)
        if key is None:
            key = Ed25519PrivateKey.generate()
            directory.write_secret(draft, private_bytes(key))
        answer = _identity(await _ask(server, code, key, ca_file), server)
        known = _already(enrolments(connection), answer)
        if known is not None:
            return known
        directory.write_secret(f"{answer.terminal_id}-{answer.epoch}.key", private_bytes(key))
        directory.write_secret(f"{answer.terminal_id}-{answer.epoch}.pin", answer.pin_key.encode())
        if ca_file is not None:
            directory.trust(ca_file)
        with transaction(connection):
            enrolment = add_enrolment(connection, server=server, public_key=public_key_text(key), answer=answer, at=at)
        (directory.keys / draft).unlink(missing_ok=True)
        sync_directory(directory.keys)
        return enrolment


async def _ask(server: str, code: str, key: Ed25519PrivateKey, ca_file: Path | None) -> Answer:
    body = msgspec.json.encode(enrol_request(code, key))
    secure = server.startswith("https:")
    connector = aiohttp.TCPConnector(ssl=tls_context(ca_file) if secure else True)
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            return await ask(
                session,
                "POST",
                f"{server}/v1/enrol",
                headers={"Content-Type": "application/json"},
                body=body,
                seconds=enrol_seconds_max,
            )
        except CentralUnreachableError as error:
            raise EnrolmentError(str(error)) from error


def _identity(answer: Answer, server: str) -> EnrolAnswer:
    """The identity in central's answer; every other answer is said in one line."""
    if answer.status == 201:
        try:
            identity = answer.read(EnrolAnswer)
        except CentralUnreachableError as error:
            raise EnrolmentError(_not_central(server)) from error
        if not identity.terminal_id or identity.epoch < 1 or not identity.receipt_prefix:
            raise EnrolmentError(_not_central(server))
        return identity
    if answer.problem == "enrolment-refused":
        raise EnrolmentError("the code is wrong, used or expired; get a new one from the back office")
    if answer.problem == "rate-limited":
        raise EnrolmentError(f"too many wrong codes; wait {answer.retry_after:.0f} s and try again")
    if answer.status in (429, 502, 503, 504):
        raise EnrolmentError(f"{server} is busy (status {answer.status}); try again in a minute")
    if 300 <= answer.status < 400:
        raise EnrolmentError(f"{server} sends us elsewhere: sign in to the network here, or correct the address")
    raise EnrolmentError(_not_central(server) if answer.problem is None else f"{server} refuses: {answer.problem}")


def _not_central(server: str) -> str:
    return f"{server} is not a Tillstream server; sign in to the network here, or correct the address"


def _already(known: list[Enrolment], answer: EnrolAnswer) -> Enrolment | None:
    for enrolment in known:
        if (enrolment.answer.terminal_id, enrolment.answer.epoch) == (answer.terminal_id, answer.epoch):
            return enrolment
    return None
