"""A line as central keeps it: the row it becomes, and what is read back of it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from central.uplink.body import Body, Reading, Unread, read_event
from protocol.events import Event, TillLog
from protocol.lines import Envelope, UnreadableError, read_date, read_line

chain: Final = 0
"""The branch number of the chain itself."""

State: TypeAlias = Literal["queued", "held", "kept", "applied", "unreadable", "unknown"]
"""queued: waits for the lines before it. held: was lost, waits for the rest of its run. kept: on a branch that nobody
adopted, or booked where the same bytes stand once more. applied, unreadable, unknown (its type): its turn has come."""

_state_of_unread: Final[dict[str, State]] = {"unreadable": "unreadable", "unknown-type": "unknown"}
APPLIED_STATES: Final = ("applied", "unreadable", "unknown")


class Line(Struct, frozen=True):
    """One line of one epoch with what it says."""

    terminal_id: UUID
    epoch: int
    branch: int
    sequence: int
    location_id: UUID
    received_at: datetime
    bytes: bytes
    hash: str
    envelope: Envelope[Any]
    reading: Reading
    signature: str | None = None

    @property
    def key(self) -> tuple[UUID, int, int, int]:
        return self.terminal_id, self.epoch, self.branch, self.sequence

    @property
    def applied_state(self) -> State:
        """The state in which its turn leaves it."""
        return _state_of_unread[self.reading.code] if isinstance(self.reading, Unread) else "applied"

    @property
    def created_at(self) -> datetime | None:
        return self.reading.created_at if isinstance(self.reading, Event) else None


Row: TypeAlias = tuple[Any, ...]


def row_of(line: Line, state: State) -> Row:
    """The columns of `insert_events`, in its order."""
    reading = line.reading
    kind: str | None = None
    cashier_id: UUID | None = None
    business_date: date | None
    if isinstance(reading, Event):
        business_date = reading.business_date
        cashier_id = reading.payload.cashier_id
        if isinstance(reading.payload, TillLog):
            kind = reading.payload.kind
    else:
        business_date = _date(line.envelope)
    return (
        line.terminal_id,
        line.epoch,
        line.branch,
        line.sequence,
        state,
        line.envelope.type,
        kind,
        cashier_id,
        line.location_id,
        business_date,
        line.received_at,
        bytes.fromhex(line.hash),
        line.signature,
        line.bytes,
    )


def lines_of(
    body: Body, first: int, last: int, *, terminal_id: UUID, epoch: int, branch: int, location_id: UUID, at: datetime
) -> Sequence[Line]:
    """Some lines of a body, by sequence, as lines of the chain or of a branch."""
    start = body.envelopes[0].sequence
    final = start + len(body.lines) - 1
    return [
        Line(
            terminal_id,
            epoch,
            branch,
            sequence,
            location_id,
            at,
            body.lines[sequence - start],
            body.hashes[sequence - start],
            body.envelopes[sequence - start],
            body.readings[sequence - start],
            body.signature if sequence == final else None,
        )
        for sequence in range(first, last + 1)
    ]


def stored_line(row: Any, *, terminal_id: UUID, epoch: int, branch: int, location_id: UUID) -> Line:
    """A line from its stored bytes."""
    raw: bytes = row["line"]
    envelope = read_line(raw)
    return Line(
        terminal_id,
        epoch,
        branch,
        row["sequence"],
        location_id,
        row["received_at"],
        raw,
        row["line_hash"].hex(),
        envelope,
        read_event(envelope),
    )


def _date(envelope: Envelope[Any]) -> date | None:
    try:
        return read_date(envelope.business_date)
    except UnreadableError:
        return None
