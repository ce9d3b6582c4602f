"""One page of changes: of a snapshot, of deltas, or of a snapshot's end and the deltas that follow without a seam."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from central.downlink import change_log
from central.downlink.cursor import Cursor, DeltaCursor, SnapshotCursor
from central.downlink.problems import CursorGone
from central.downlink.sources import Recipient, Sources
from central.tenant_session import TenantSession
from protocol.downlink import SNAPSHOT_ORDER, Entity, Operation

page_bytes_max: Final = 8 * 1024 * 1024
"""A page ends behind the change that passes this, whatever the limit: attributes may be long."""

_encoder: Final = msgspec.json.Encoder()


class Page(Struct, frozen=True):
    """Changes, each already encoded, and where the terminal stands when it has applied them."""

    changes: list[Raw]
    cursor: Cursor
    more: bool

    @property
    def through(self) -> datetime:
        return datetime.fromtimestamp(self.cursor.through_ms / 1000, tz=UTC)


class _Step(Struct, frozen=True):
    """An entity to send, and the cursor that stands behind it."""

    entity: Entity
    id: str
    cursor: Cursor
    from_snapshot: bool


class _EncodedChange(Struct, frozen=True):
    entity: Entity
    id: str
    op: Operation
    data: Any = None


async def read_page(
    session: TenantSession, sources: Sources, recipient: Recipient, cursor: Cursor | None, limit: int, now: datetime
) -> Page:
    """The changes behind the cursor, or the first of a snapshot.

    `now` was taken before the transaction's first statement. Raises `CursorGone` for a cursor that is ahead of the
    database, and for one whose terminal lacks receipts that its location keeps by now.
    """
    head = await change_log.head(session)
    now_ms = int(now.timestamp() * 1000)
    if cursor is None:
        cursor = SnapshotCursor(head, now_ms, recipient.receipt_days, 0, "")
    elif cursor.receipt_days < recipient.receipt_days:
        raise CursorGone
    if (cursor.begun if isinstance(cursor, SnapshotCursor) else cursor.revision) > head:
        raise CursorGone
    steps: list[_Step] = []
    delta_cursor: DeltaCursor | None = None
    if isinstance(cursor, SnapshotCursor):
        steps = await _walk(session, recipient, cursor, limit + 1)
        if len(steps) <= limit:
            delta_cursor = DeltaCursor(cursor.begun, cursor.through_ms, recipient.receipt_days)
    else:
        delta_cursor = DeltaCursor(cursor.revision, cursor.through_ms, recipient.receipt_days)
    if delta_cursor is not None:
        steps += await _follow(session, recipient, delta_cursor, limit + 1 - len(steps))
    sent, changes = await _load(session, sources, recipient, steps[:limit])
    if sent == len(steps):
        end = delta_cursor.revision if delta_cursor else 0
        last = steps[-1].cursor if steps else None
        if isinstance(last, DeltaCursor):
            end = last.revision
        return Page(changes, DeltaCursor(end, now_ms, recipient.receipt_days), more=False)
    return Page(changes, steps[sent - 1].cursor, more=True)


def receipts_since(recipient: Recipient) -> date:
    """The oldest business date whose receipts a terminal keeps."""
    return recipient.today - timedelta(days=recipient.receipt_days)


async def _walk(session: TenantSession, recipient: Recipient, cursor: SnapshotCursor, limit: int) -> list[_Step]:
    steps: list[_Step] = []
    after = cursor.entity_id
    for place in range(cursor.entity, len(SNAPSHOT_ORDER)):
        entity = SNAPSHOT_ORDER[place]
        ids = await change_log.walk(
            session,
            recipient.location_id,
            entity,
            after=after,
            begun=cursor.begun,
            since=receipts_since(recipient),
            limit=limit - len(steps),
        )
        steps += [
            _Step(entity, one, SnapshotCursor(cursor.begun, cursor.through_ms, cursor.receipt_days, place, one), True)
            for one in ids
        ]
        if len(steps) >= limit:
            break
        after = ""
    return steps


async def _follow(session: TenantSession, recipient: Recipient, cursor: DeltaCursor, limit: int) -> list[_Step]:
    logged = await change_log.deltas(
        session, recipient.location_id, after=cursor.revision, since=receipts_since(recipient), limit=limit
    )
    return [
        _Step(change.entity, change.id, DeltaCursor(change.revision, cursor.through_ms, cursor.receipt_days), False)
        for change in logged
    ]


async def _load(
    session: TenantSession, sources: Sources, recipient: Recipient, steps: Sequence[_Step]
) -> tuple[int, list[Raw]]:
    """How many of the steps were taken before the page was full, and their changes."""
    wanted: dict[Entity, dict[str, None]] = {}
    for step in steps:
        wanted.setdefault(step.entity, {})[step.id] = None
    found = {
        entity: await sources.loaders[entity](session, recipient, list(ids))
        for entity, ids in wanted.items()
        if entity in sources.loaders
    }
    changes: list[Raw] = []
    length = 0
    for taken, step in enumerate(steps, start=1):
        data = found.get(step.entity, {}).get(step.id)
        if data is None and step.from_snapshot:
            continue
        operation: Operation = "delete" if data is None else "put"
        encoded = _encoder.encode(_EncodedChange(step.entity, step.id, operation, data))
        changes.append(Raw(encoded))
        length += len(encoded)
        if length >= page_bytes_max:
            return taken, changes
    return len(steps), changes
