"""A till in tests of the uplink: an enrolled terminal, its journal, and the bodies that it delivers over HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import structs

from central.tenant_session import operator, tenant_session
from protocol.chain import line_hash, sign_batch
from protocol.events import Payload, Sale
from tests.central.conftest import Answered
from tests.central.terminals_fixture import TerminalFixture
from tests.trade import Journal, cart, id_of, sale, till_log


@dataclass
class Till:
    """A terminal and what it wrote."""

    terminal: TerminalFixture
    journal: Journal = field(init=False)
    receipts: int = 0

    def __post_init__(self) -> None:
        now = datetime.now(UTC) - timedelta(seconds=60)
        self.journal = Journal(
            terminal_id=self.terminal.terminal_id,
            private_key=self.terminal.private_key,
            epoch=self.terminal.epoch,
            at=now,
            business_date=now.date(),
        )

    @property
    def terminal_id(self) -> UUID:
        return self.terminal.terminal_id

    @property
    def prefix(self) -> str:
        text: str = self.terminal.enrolment["receipt_prefix"]
        return text

    def clone(self) -> "Till":
        """A copy of the disk as it is now."""
        copy = Till(self.terminal)
        copy.journal.lines = list(self.journal.lines)
        copy.journal.at = self.journal.at
        copy.receipts = self.receipts
        return copy

    def logs(self, count: int, kind: str = "reprint") -> "Till":
        """Commit events that leave no money."""
        for _ in range(count):
            self.journal.append(till_log(kind))
        return self

    def sells(self, count: int = 1, *, price: str = "3.50", name: str = "COFFEE") -> "Till":
        """Commit sales, one more receipt number each."""
        for _ in range(count):
            self.receipts += 1
            number = f"{self.prefix}{self.receipts}"
            receipt = sale(
                cart(f"2 x {name} @ {price}"), number=number, sale_id=id_of(f"{self.terminal_id} {name} {number}")
            )
            self.journal.append(receipt)
        return self

    def appends(self, payload: Payload, **how: Any) -> bytes:
        return self.journal.append(payload, **how)

    def sale_without_tender(self) -> Sale:
        """A sale that nobody paid."""
        return structs.replace(sale(cart("1 x TEA @ 2.00"), number=f"{self.prefix}1"), tenders=())

    async def rows(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows of the tenant; `$1` is the tenant."""
        tenant = self.terminal.tenant
        async with tenant_session(tenant.services.database, operator(tenant.tenant_id)) as session:
            return [dict(row) for row in await session.driver.fetch(statement, tenant.tenant_id, *arguments)]

    async def delivers(self, first: int = 1, last: int | None = None, **headers: str) -> Answered:
        """Send the lines from `first` to `last` of the journal."""
        return await self.sends(self.journal.lines[first - 1 : last], **headers)

    async def sends(self, lines: Sequence[bytes], **headers: str) -> Answered:
        """Send any lines, signed as they are."""
        assert self.journal.private_key is not None
        signature = sign_batch(self.journal.private_key, line_hash(lines[-1]))
        return await self.posts(b"\n".join(lines) + b"\n", **{"Chain-Signature": signature, **headers})

    async def posts(self, body: bytes, **headers: str) -> Answered:
        """Send any bytes under any headers."""
        given = {"Content-Type": "application/x-ndjson", **headers}
        return await self.terminal.request("POST", "/v1/sync/events", data=body, headers=given)

    async def position(self) -> dict[str, Any]:
        status, answer, _ = await self.terminal.get("/v1/sync/position")
        assert status == 200, answer
        found: dict[str, Any] = answer
        return found
