"""Bugs as somebody might write them, each planted by replacing one function, to see that the checkers find them.

A bug is a function that gets pytest's `monkeypatch`; its docstring says what it does wrong.
"""

import random
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from central import downlink, ledger, reporting
from central.database import DatabaseUnavailableError
from central.products import catalogue as catalogue_of_products
from central.products import price_rules, prices
from central.sales import voids
from central.uplink import adoption, application, branches, ingest, ordering
from central.uplink.repository import stored_lines
from central.uplink.uplink import Uplink as CentralUplink
from protocol.uplink import UplinkAnswer
from terminal_agent import catalogue, central_link, journal, uplink
from terminal_agent.printing import spool

Plant = Callable[[pytest.MonkeyPatch], None]


def an_ack_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """Central answers 200 for bodies whose transaction the database then lost."""
    real = CentralUplink.commit

    async def commit(self: CentralUplink, tenant_id: Any, deliveries: Any, carefully: bool) -> Any:
        try:
            return await real(self, tenant_id, deliveries, carefully)
        except DatabaseUnavailableError:
            return [_acknowledgement(len(of.body.lines), of.body.span.last, of.body.hashes[-1]) for of in deliveries]

    patch.setattr(CentralUplink, "commit", commit)


def _acknowledgement(lines: int, applied_through: int, last_hash: str) -> UplinkAnswer:
    return UplinkAnswer(
        received=lines,
        stored=lines,
        duplicates=0,
        last_hash=last_hash,
        applied_through=applied_through,
        queued=(),
        missing=(),
        forked=False,
        exceptions=(),
    )


def a_cursor_that_moves_without_booking(patch: pytest.MonkeyPatch) -> None:
    """Lines that waited in the queue are applied and not booked."""
    real = application.book
    chance = random.Random(1)

    async def book(session: Any, applied: Any, now: Any, ids: Any, *, move: Any, carefully: bool) -> Any:
        if chance.random() < 0.2:
            await move({})
            return application.Booking()
        return await real(session, applied, now, ids, move=move, carefully=carefully)

    patch.setattr(ingest, "book", book)


def a_greater_where_at_least_was_meant(patch: pytest.MonkeyPatch) -> None:
    """The queue begins at the line after the next one: a body that closes a gap exactly is left in the queue."""
    real = ordering._in_turn

    def in_turn(kept: Any, queued: Any) -> Any:
        return real(kept, tuple(part for part in queued if part[1] > kept.applied_through + 1))

    patch.setattr(ordering, "_in_turn", in_turn)


def a_branch_that_drops_its_last_line(patch: pytest.MonkeyPatch) -> None:
    """Of forked lines all but the last are kept, and all are answered for."""
    real = branches.keep_fork

    async def keep_fork(session: Any, position: Any, lines: Any, leaving: Any, **how: Any) -> Any:
        branch = await real(session, position, lines[:-1] or lines, leaving, **how)
        return msgspec.structs.replace(branch, kept=((branch.first, max(branch.kept_through, lines[-1].sequence)),))

    patch.setattr(branches, "keep_fork", keep_fork)


def a_clone_s_early_line_that_stays(patch: pytest.MonkeyPatch) -> None:
    """What came before the lines that it goes on from waits on the chain for ever, when those are a branch."""
    patch.setattr(ordering, "_queued_behind", lambda kept, span, fork_at: ())


def a_line_that_is_booked_in_both_places(patch: pytest.MonkeyPatch) -> None:
    """An adopted branch is booked whatever stands on the chain, and the chain whatever a branch has booked."""

    async def none(*arguments: Any) -> frozenset[int]:
        del arguments
        return frozenset()

    async def kept_lines(session: Any, position: Any, branch: Any, branches: Any, limit: int) -> Any:
        everything = (branch.first, branch.kept[-1][1])
        return await stored_lines(session, position, everything, branch=branch.branch, states=["kept"], limit=limit)

    patch.setattr(adoption, "booked_on_branches", none)
    patch.setattr(adoption, "_unbooked", kept_lines)


def a_branch_that_is_adopted_and_not_booked(patch: pytest.MonkeyPatch) -> None:
    """Adopting a branch marks its lines and adds none of them."""
    real = adoption.apply_adopted

    async def apply_adopted(session: Any, position: Any, applied: Any, **how: Any) -> Any:
        return await real(session, position, application.Application(), **how)

    patch.setattr(adoption, "apply_adopted", apply_adopted)


def entries_that_are_posted_twice(patch: pytest.MonkeyPatch) -> None:
    """One transaction in ten posts its entries again."""
    real = ledger.post
    chance = random.Random(1)

    async def post(session: Any, postings: Any, now: Any) -> Any:
        if postings and chance.random() < 0.1:
            await real(session, postings, now)
        return await real(session, postings, now)

    patch.setattr(ledger, "post", post)


def a_roll_up_that_is_skipped(patch: pytest.MonkeyPatch) -> None:
    """One transaction in ten is not rolled up."""
    real = reporting.roll_up
    chance = random.Random(1)

    async def roll_up(session: Any, movements: Any) -> Any:
        if chance.random() >= 0.1:
            await real(session, movements)

    patch.setattr(reporting, "roll_up", roll_up)


def a_void_that_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """A VOID that comes before its sale is forgotten when the sale comes."""
    real = voids.book_void

    async def book_void(batch: Any, applied: Any, void: Any) -> None:
        if await batch.receipt(voids.target_of(void)) is not None:
            await real(batch, applied, void)

    patch.setattr(voids, "book_void", book_void)


def a_change_that_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    """One transaction in five writes nothing into the change log."""
    real = downlink.record
    chance = random.Random(1)

    async def record(session: Any, changes: Any) -> Any:
        if chance.random() >= 0.2:
            await real(session, changes)

    for module in (downlink, catalogue_of_products, prices, price_rules):
        patch.setattr(module, "record", record)


def a_backup_that_comes_back_silently(patch: pytest.MonkeyPatch) -> None:
    """`after-restore` leaves the incarnation as it was, so that cursors and feeds of before are followed on."""

    async def nothing(database: Any, incarnation: Any) -> None:
        del database, incarnation

    patch.setattr("central.cli.after_restore.renew_incarnation", nothing)


def a_till_that_believes_what_it_once_heard(patch: pytest.MonkeyPatch) -> None:
    """The terminal never sends again what was acknowledged once, whatever a restored central says."""
    real = uplink.Uplink._take_position

    def take_position(self: Any) -> None:
        before = self.delivery.acknowledged_through
        real(self)
        self.delivery.acknowledged_through = max(before, self.delivery.acknowledged_through)

    patch.setattr(uplink.Uplink, "_take_position", take_position)


def a_till_that_trusts_a_bare_sequence(patch: pytest.MonkeyPatch) -> None:
    """The terminal counts its lines as acknowledged where central's chain is the clone's."""
    patch.setattr(uplink.Uplink, "_fits", lambda self, *position: True)


def a_till_to_whom_any_200_is_an_acknowledgement(patch: pytest.MonkeyPatch) -> None:
    """The terminal takes what a captive portal says for central's word."""
    real = central_link.Answer.read

    def read(self: Any, shape: Any) -> Any:
        try:
            return real(self, shape)
        except central_link.CentralUnreachableError:
            if shape is not UplinkAnswer:
                raise
            return _acknowledgement(0, 0, "")

    patch.setattr(central_link.Answer, "read", read)
    patch.setattr(uplink, "acknowledges", lambda answer, **sent: True)


def a_page_that_is_half_applied(patch: pytest.MonkeyPatch) -> None:
    """The replica leaves out the last change of a page, and keeps the page's cursor."""
    real = catalogue.Catalogue._apply

    def apply(self: Any, changes: Any, *rest: Any) -> Any:
        return real(self, changes[:-1], *rest)

    patch.setattr(catalogue.Catalogue, "_apply", apply)


def a_print_job_that_is_missing(patch: pytest.MonkeyPatch) -> None:
    """One commit in five leaves out its print job."""
    real = journal._slips
    chance = random.Random(1)

    def slips(*arguments: Any) -> Any:
        found = real(*arguments)
        return found if chance.random() >= 0.2 else {}

    patch.setattr(journal, "_slips", slips)


def a_spool_that_begins_again(patch: pytest.MonkeyPatch) -> None:
    """After a restart a receipt whose paper nobody has seen is printed once more, unmarked."""

    def recover(connection: Any, at: str) -> None:
        del at
        connection.execute("delete from print_jobs where state in ('sending', 'sent')")

    patch.setattr(spool, "_recover", recover)


PLANTS: Final[tuple[Plant, ...]] = (
    an_ack_before_the_commit,
    a_cursor_that_moves_without_booking,
    a_greater_where_at_least_was_meant,
    a_branch_that_drops_its_last_line,
    a_clone_s_early_line_that_stays,
    a_line_that_is_booked_in_both_places,
    a_branch_that_is_adopted_and_not_booked,
    entries_that_are_posted_twice,
    a_roll_up_that_is_skipped,
    a_void_that_does_not_wait,
    a_change_that_is_not_recorded,
    a_backup_that_comes_back_silently,
    a_till_that_believes_what_it_once_heard,
    a_till_that_trusts_a_bare_sequence,
    a_till_to_whom_any_200_is_an_acknowledgement,
    a_page_that_is_half_applied,
    a_print_job_that_is_missing,
    a_spool_that_begins_again,
)
