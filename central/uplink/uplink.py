"""The uplink of one process: its group commit, the transactions that it runs, and turns that go on after them."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import structs

from central import sales, terminals
from central.http import Services
from central.tenant_session import operator, tenant_session
from central.uplink.application import is_fault_of_values
from central.uplink.group_commit import GroupCommit
from central.uplink.ingest import Delivery, Outcome, ingest, raised_for
from central.uplink.turns import Turn, locked_position, take_turn
from protocol.uplink import UplinkAnswer


class Uplink:
    """One for a process: `services.of(Uplink)`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.queue = GroupCommit(self.commit)

    async def close(self) -> None:
        """Let what was begun come to its end."""
        await self.queue.close()

    async def commit(self, tenant_id: UUID, deliveries: Sequence[Delivery], carefully: bool) -> list[Outcome]:
        """Store, order and book bodies of a tenant in one transaction, and go on with turns too long for one."""
        services = self._services
        async with tenant_session(services.database, operator(tenant_id, "uplink")) as session:
            ingested = await ingest(session, deliveries, services.clock(), services.ids, carefully=carefully)
        if not ingested.unfinished:
            return ingested.outcomes
        outcomes = ingested.outcomes
        for terminal_id, epoch in ingested.unfinished:
            turn = await self.go_on(tenant_id, terminal_id, epoch)
            index = next(i for i, delivery in enumerate(deliveries) if delivery.key == (terminal_id, epoch))
            outcomes[index] = _moved_on(outcomes[index], turn)
        return outcomes

    async def go_on(self, tenant_id: UUID, terminal_id: UUID, epoch: int) -> Turn:
        """Apply what an epoch's queue, found lines and adopted branches still have, some lines a transaction, until
        none is left; answers the last turn, with what all of them applied and raised."""
        applied = 0
        raised: list[sales.ExceptionRecord] = []
        while True:
            turn = await self._take_turn(tenant_id, terminal_id, epoch, carefully=False)
            applied += turn.applied
            raised += turn.raised
            if not turn.more:
                return structs.replace(turn, applied=applied, raised=raised)

    async def _take_turn(self, tenant_id: UUID, terminal_id: UUID, epoch: int, *, carefully: bool) -> Turn:
        services = self._services
        try:
            async with tenant_session(services.database, operator(tenant_id, "uplink")) as session:
                position = await locked_position(session, terminal_id, epoch)
                return await take_turn(session, position, services.clock(), services.ids, carefully=carefully)
        except Exception as error:
            if carefully or not is_fault_of_values(error):
                raise
        return await self._take_turn(tenant_id, terminal_id, epoch, carefully=True)


def _moved_on(outcome: Outcome, turn: Turn) -> Outcome:
    """An acknowledgement with where the chain stands after the turns that followed its transaction, and with what they
    raised."""
    if not isinstance(outcome, UplinkAnswer):
        return outcome
    move = turn.move
    return structs.replace(
        outcome,
        applied_through=move.applied_through,
        queued=terminals.shown(move.queued),
        missing=terminals.shown(terminals.missing_ranges(move.applied_through, move.queued, turn.lost)),
        exceptions=(*outcome.exceptions, *raised_for((move.terminal_id, move.epoch), turn.raised)),
    )
