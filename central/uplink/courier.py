"""A journal that came in a file: its sections go the way of bodies, one after the other, whoever carried them.

A terminal without any network, or one revoked with facts undelivered, is heard this way (contract, section 4). Nothing
trusts the courier: the epoch's key signed each section.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from central import terminals
from central.http import Problem, Services
from central.tenancy import directory
from central.tenant_session import TenantSession, operator, tenant_session
from central.terminals.repository import directory_kind
from central.terminals.vouched_epochs import vouch_for_epoch
from central.uplink.body import read_lines
from central.uplink.ingest import Delivery
from central.uplink.problems import BadEnvelope, BadSignature, ChainFork
from central.uplink.uplink import Uplink
from protocol.chain import PublicKeyError
from protocol.journal_file import JournalFileError, JournalHeader, Section, read_sections
from protocol.lines import EnvelopeError, UnreadableError, read_line, read_time
from protocol.uplink import UplinkAnswer


class CourierError(Exception):
    """A journal file cannot be taken, or not to its end; what stood before is kept. The text says what to do."""


class Imported(Struct):
    """What became of a file's lines. `branch` got those that contradict the chain."""

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    forked: int = 0
    branch: int | None = None
    exceptions: int = 0
    applied_through: int = 0


async def import_journal(
    services: Services, header: JournalHeader, lines: Iterable[bytes], *, vouched: bool = False
) -> Imported:
    """Take a journal file's lines. `vouched`: an owner's word for the key of an epoch that is not known here.

    Raises `CourierError`.
    """
    tenant_id = await directory.find(services.database, directory_kind, str(header.terminal_id))
    if tenant_id is None:
        raise CourierError(f"terminal {header.terminal_id} is not known here: is this the right central?")
    imported = Imported()
    uplink = services.of(Uplink)
    key: terminals.EpochKey | None = None
    try:
        for section in read_sections(header, lines):
            if key is None:
                async with tenant_session(services.database, operator(tenant_id)) as session:
                    key = await terminals.public_key(session, header.terminal_id, header.epoch)
                    if key is None:
                        key = await _vouch(services, session, header, section, vouched=vouched)
                if key.public_key_text != header.public_key:
                    raise CourierError("the file's public key is not the one that this epoch was enrolled with")
            body = read_lines(section.lines, section.signature, key.key)
            delivery = Delivery(
                terminal_id=header.terminal_id,
                epoch=header.epoch,
                body=body,
                received_at=services.clock(),
                by_courier=True,
            )
            _count(imported, section, await uplink.queue.submit(tenant_id, delivery))
    except JournalFileError as error:
        raise CourierError(f"{error}; export the journal again ({imported.lines} lines before it are kept)") from error
    except (BadSignature, BadEnvelope) as error:
        where = f"the lines from line {section.first_line} of the file on"
        raise CourierError(
            f"{where} are not as the terminal signed them: export the journal again"
            f" ({imported.lines} lines before them are kept)"
        ) from error
    return imported


async def _vouch(
    services: Services,
    session: TenantSession,
    header: JournalHeader,
    section: Section,
    *,
    vouched: bool,
) -> terminals.EpochKey:
    if not vouched:
        raise CourierError(
            f"epoch {header.epoch} of this terminal is not known here (was central restored from a backup?): with an"
            f" owner's word that {header.public_key} is its key, import again with --vouch-for-key"
        )
    now = services.clock()
    try:
        await vouch_for_epoch(
            session,
            header.terminal_id,
            header.epoch,
            header.public_key,
            enrolled_at=_first_time(section) or now,
            now=now,
            random=secrets.token_bytes,
        )
    except (PublicKeyError, Problem) as error:
        raise CourierError(f"the file's public key cannot be taken: {error}") from error
    key = await terminals.public_key(session, header.terminal_id, header.epoch)
    if key is None:
        raise CourierError("the epoch could not be made known; try again")
    return key


def _first_time(section: Section) -> datetime | None:
    try:
        return read_time(read_line(section.lines[0]).created_at)
    except (EnvelopeError, UnreadableError):
        return None


def _count(imported: Imported, section: Section, outcome: UplinkAnswer | Problem) -> None:
    imported.lines += len(section.lines)
    if isinstance(outcome, UplinkAnswer):
        imported.stored += outcome.stored
        imported.duplicates += outcome.duplicates
        imported.exceptions += len(outcome.exceptions)
        imported.applied_through = outcome.applied_through
    elif isinstance(outcome, ChainFork):
        imported.forked += len(section.lines)
        imported.branch = outcome.members["branch"] if isinstance(outcome.members["branch"], int) else None
    else:
        raise CourierError(f"{outcome.detail} (from line {section.first_line} of the file on)")
