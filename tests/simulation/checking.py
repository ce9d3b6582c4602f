"""What must be true when everything is delivered. Each checker shares no code with what it checks."""

from collections.abc import Callable, Iterable
from typing import Final

from tests.simulation.checkers.a_replica_that_followed_deltas_equals_a_fresh_snapshot import (
    a_replica_that_followed_deltas_equals_a_fresh_snapshot,
)
from tests.simulation.checkers.applied_in_order_once import applied_in_order_once
from tests.simulation.checkers.every_ack_is_in_the_ledger import every_ack_is_in_the_ledger
from tests.simulation.checkers.every_journal_balances import every_journal_balances
from tests.simulation.checkers.no_row_of_another_tenant import no_row_of_another_tenant
from tests.simulation.checkers.one_unmarked_receipt_each import one_unmarked_receipt_each
from tests.simulation.checkers.roll_ups_equal_a_recount import roll_ups_equal_a_recount
from tests.simulation.checkers.the_feed_skipped_nothing import the_feed_skipped_nothing
from tests.simulation.evidence import Evidence

Checker = Callable[[Evidence], Iterable[str]]
CHECKERS: Final[tuple[Checker, ...]] = (
    every_ack_is_in_the_ledger,
    applied_in_order_once,
    every_journal_balances,
    roll_ups_equal_a_recount,
    the_feed_skipped_nothing,
    a_replica_that_followed_deltas_equals_a_fresh_snapshot,
    one_unmarked_receipt_each,
    no_row_of_another_tenant,
)
