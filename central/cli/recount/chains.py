"""Recounts the chains: hashes, `prev` after `prev`, signatures, states, and where each epoch stands."""

from typing import Any
from uuid import UUID

from central.cli.recount.finding import Findings
from central.cli.recount.rows import key_of
from central.tenant_session import TenantSession
from central.terminals.positions import public_key
from central.uplink.signatures import covers
from protocol import chain
from protocol.lines import EnvelopeError, RawEnvelope, read_line

_applied_states = frozenset({"applied", "unreadable", "unknown"})

_POSITIONS = (
    "select terminal_id, epoch, applied_through, applied_hash, receipt_counter from till.epochs where tenant_id = $1"
)
_LOST = "select terminal_id, epoch, from_sequence, to_sequence from till.lost_sequences where tenant_id = $1"
_BRANCHES = (
    "select terminal_id, branch, epoch, hang_branch, hang_sequence, state from till.branches where tenant_id = $1"
)


class Chains:
    """Fed with every event in order; remembers one line back."""

    def __init__(self, session: TenantSession, findings: Findings) -> None:
        self._session = session
        self._findings = findings
        self._before: tuple[tuple[UUID, int, int], int, str] | None = None
        self._unsigned: Any = None
        self._positions: dict[tuple[UUID, int], Any] = {}
        self._applied: dict[tuple[UUID, int], int] = {}
        self._seen: dict[tuple[UUID, int], int] = {}
        self._lost: dict[tuple[UUID, int], list[tuple[int, int]]] = {}
        self._forked: set[UUID] = set()

    async def begin(self) -> None:
        """Read where the epochs stand, and what is known to be missing."""
        driver, tenant_id = self._session.driver, self._session.tenant_id
        for row in await driver.fetch(_POSITIONS, tenant_id):
            self._positions[row["terminal_id"], row["epoch"]] = row
        for row in await driver.fetch(_LOST, tenant_id):
            lost = self._lost.setdefault((row["terminal_id"], row["epoch"]), [])
            lost.append((row["from_sequence"], row["to_sequence"]))
        self._forked = {row["terminal_id"] for row in await driver.fetch(_BRANCHES, tenant_id)}

    async def look(self, row: Any) -> RawEnvelope | None:
        """Look at one event's line; answers its envelope, None where it is none."""
        key = key_of(row)
        line, hashed = row["line"], row["line_hash"].hex()
        self._findings.compare("hash", key, chain.line_hash(line), hashed)
        try:
            envelope = read_line(line)
        except EnvelopeError as error:
            self._findings.add("line", key, "an event", error.reason)
            self._stand(row)
            return None
        self._findings.compare("line", key, (key[3], row["type"]), (envelope.sequence, envelope.type))
        await self._follow(row, key[:3], hashed, envelope)
        await self._signed(row, hashed)
        self._stand(row)
        return envelope

    def end(self) -> None:
        """Where every epoch stands, once all its lines were seen."""
        self._leave_unsigned()
        for epoch, position in self._positions.items():
            through = position["applied_through"]
            if self._applied.get(epoch, 0) > through:
                self._findings.add("position", epoch, f"applied through {self._applied[epoch]}", through)
            self._check_hole((*epoch, 0), self._seen.get(epoch, 0) + 1, through)
            self._findings.looked("position")

    async def _follow(self, row: Any, of: tuple[UUID, int, int], hashed: str, envelope: RawEnvelope) -> None:
        """Each `prev` is the hash of the line before; a hole is queued behind or was declared lost."""
        sequence = row["sequence"]
        before = self._before if self._before is not None and self._before[0] == of else None
        if before is None:
            self._leave_unsigned()
        if before is not None and before[1] == sequence - 1:
            self._findings.compare("chain", key_of(row), before[2], envelope.prev)
        elif of[2] == 0:
            if sequence == 1:
                key = await public_key(self._session, of[0], of[1])
                expected = None if key is None else key.first_prev
                self._findings.compare("chain", key_of(row), expected, envelope.prev)
            self._check_hole(of, 1 if before is None else before[1] + 1, sequence - 1)
        self._before = (of, sequence, hashed)

    def _check_hole(self, of: tuple[UUID, int, int], first: int, last: int) -> None:
        position = self._positions.get(of[:2])
        through = 0 if position is None else position["applied_through"]
        lost = self._lost.get(of[:2], [])
        sequence = first
        while sequence <= min(last, through):
            run = next((end for start, end in lost if start <= sequence <= end), None)
            if run is None:
                self._findings.add("missing", (*of, sequence), "an event, or declared lost", None)
                return
            sequence = run + 1

    async def _signed(self, row: Any, hashed: str) -> None:
        """A signature covers the lines before it through their hashes."""
        if row["signature"] is None:
            self._unsigned = row
            return
        self._unsigned = None
        key = await public_key(self._session, row["terminal_id"], row["epoch"])
        valid = key is not None and covers(key.key, row["signature"], hashed)
        self._findings.compare("signature", key_of(row), "the epoch's own", "the epoch's own" if valid else "another")

    def _leave_unsigned(self) -> None:
        """Lines at the end of a chain that no signature covers; where a fork cut the body off, its branch has it."""
        row, self._unsigned = self._unsigned, None
        if row is not None and row["terminal_id"] not in self._forked:
            self._findings.add("signature", key_of(row), "a signature behind it", None)

    def _stand(self, row: Any) -> None:
        if row["branch"]:
            return
        epoch = (row["terminal_id"], row["epoch"])
        self._seen[epoch] = row["sequence"]
        position = self._positions.get(epoch)
        if position is None:
            self._findings.add("position", epoch, "an enrolled epoch", None)
            return
        through = position["applied_through"]
        if row["state"] in _applied_states:
            self._applied[epoch] = max(self._applied.get(epoch, 0), row["sequence"])
        elif row["state"] == "queued" and row["sequence"] <= through:
            self._findings.add("position", key_of(row), "applied", f"queued, though {through} are applied")
        if row["sequence"] == through:
            self._findings.compare("position", epoch, row["line_hash"].hex(), position["applied_hash"])
