"""The first flow as one function: take a command, decide, append, evolve, tell. Screen, scanner and API call it.

No sale waits for a network; a voucher, and another shop's receipt, are asked about for some seconds while online. A
scan waits for one indexed read; what commits waits for one fsync, on the journal's thread; a PIN is checked in a
thread of its own. One command is taken at a time.
"""

import asyncio
import contextlib
import errno
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from protocol.events import Refund, Sale
from terminal_agent.answers import Answers, fingerprint, insert_answer
from terminal_agent.catalogue import Catalogue
from terminal_agent.clock import Clock
from terminal_agent.counter import Counter, Questions, Told
from terminal_agent.disk_space import DiskSpace
from terminal_agent.journal import (
    Batch,
    Committed,
    Draft,
    Journal,
    JournalError,
    JournalFullError,
    OpenSaleAfter,
    Printed,
    Remembered,
)
from terminal_agent.known_receipts import find_receipt
from terminal_agent.open_sale import OpenSaleFiles
from terminal_agent.printing.receipt import Shop
from terminal_agent.printing.slips import slips
from terminal_agent.printing.spool import Spool, answer_for, printed_document
from terminal_agent.register.commands import (
    AddLine,
    Command,
    ConfirmPrint,
    GiveBack,
    RemoveTender,
    Reprint,
    Resume,
    Scan,
    SignIn,
    TakeTender,
    VoidReceipt,
)
from terminal_agent.register.decide import check_state, decide, evolved
from terminal_agent.register.decision import entry_of_log
from terminal_agent.register.events import Entry, RegisterEvent, with_payload
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import RegisterState
from terminal_agent.register.terms import Given, Terms
from terminal_agent.replay import register_state
from terminal_agent.seen_cart import SeenCart
from terminal_agent.sign_in import SignIn as PinCheck
from terminal_agent.state_view import state_view
from terminal_agent.suspended import Suspended, write_behind_seconds_max
from terminal_agent.terms_in_force import shop_in_force, terms_in_force

flush_delay_seconds: Final = write_behind_seconds_max / 2
flush_again_seconds: Final = 5.0
_encoder: Final = msgspec.json.Encoder()
_log = structlog.get_logger()


class Checkout:
    """One register, its journal and its counter."""

    def __init__(
        self,
        *,
        journal: Journal,
        catalogue: Catalogue,
        pins: PinCheck,
        clock: Clock,
        spool: Spool,
        space: DiskSpace,
        shop: Shop,
        ids: Callable[[], UUID],
        counter: Counter,
        questions: Questions,
        boot_id: str = "",
    ) -> None:
        self._journal = journal
        self._catalogue = catalogue
        self._pins = pins
        self._clock = clock
        self._spool = spool
        self._space = space
        self._shop = shop
        self._ids = ids
        self._counter = counter
        self._questions = questions
        self._suspended = Suspended(journal.reader, OpenSaleFiles(journal.folder), boot_id=boot_id)
        self._answers = Answers(journal.reader, list(self._suspended.commands))
        self._seen = SeenCart(self._suspended.cart if self._suspended.is_doubtful else None)
        self._one_at_a_time = asyncio.Lock()
        self._behind = asyncio.Event()
        self._not_written = ""
        self._revision = self._suspended.serial
        self.state: RegisterState = register_state(journal.reader, journal.counters, self._suspended)

    async def handle(self, command: Command) -> bytes:
        """Do what a front end asks; the answer is JSON, `{"events": […], "state": {…}}`, and is on the disk.

        Raises `Refused`, and then nothing has changed but the trace of a wrong PIN.
        """
        try:
            return await self._handle(command)
        except JournalError as error:
            _log.error("journal-failed", error=str(error))
            code = "disk-full" if isinstance(error, JournalFullError) else "journal-failed"
            raise Refused(code, str(error)) from error

    async def _handle(self, command: Command) -> bytes:
        told = await self._ask_central(command)
        async with self._one_at_a_time:
            before = self._answers.find(command)
            if before is not None:
                return before or self._answer()
            if self._journal.unusable is not None:
                raise Refused("journal-failed", self._journal.unusable)
            check_state(self.state, command)
            self._seen.check(command, self.state.cart)
            if isinstance(command, ConfirmPrint) and command.whole:
                return await self._witness(command)
            given = await self._given(command, told)
            original = self._original_slip(command)
            asked = _as_reprint(command)
            events = decide(self.state, asked, given)
            if any(isinstance(event, Entry) for event in events):
                return await self._commit(command, events, given, original)
            return await self._change_open_sale(command, evolved(self.state, events))

    def shop(self) -> Shop:
        """What its slips say of the place now."""
        return shop_in_force(self._shop, self._catalogue)

    def terms(self) -> Terms:
        """By what this terminal sells now."""
        return terms_in_force(self._journal.current.answer, self._catalogue, self.shop().zone)

    def view(self) -> dict[str, Any]:
        """The state as front ends see it, and whether a power cut now would keep the open sale as it stands."""
        shown = state_view(self.state, self._revision, self.terms(), self._counter.surroundings())
        return {**shown, "cart_on_disk": not self._suspended.is_behind(self.state)}

    async def _change_open_sale(self, command: Command, after: RegisterState) -> bytes:
        """What is of the open sale alone; what money or a parked sale hangs on is on the disk when it is answered.

        Raises `Refused` or `JournalError` where it could not be kept.
        """
        commands = self._suspended.with_command(command.command_id)
        try:
            if isinstance(command, TakeTender | RemoveTender | Resume):
                await self._write_open_sale(after, commands)
            else:
                self._suspended.hand_over(after, commands)
        except OSError as error:
            raise Refused("disk-full" if error.errno == errno.ENOSPC else "journal-failed") from error
        self.state, self._revision = after, self._suspended.serial
        answer = self._answer()
        self._suspended.done(command.command_id)
        self._answers.keep(command, answer)
        self._behind.set()
        self._counter.changed()
        return answer

    async def _write_open_sale(self, state: RegisterState, commands: Sequence[str]) -> None:
        """Bring it to the disk, and wait for that. Raises `JournalError`."""
        serial, at = self._suspended.next_serial(), self._clock.now()
        await self._journal.write(
            lambda connection: self._suspended.write(connection, state, commands, at, serial=serial)
        )
        self._suspended.written(state)

    async def write_behind(self) -> None:
        """Bring changes of the open sale to the disk, soon after they happened; runs until cancelled."""
        delay_seconds = flush_delay_seconds
        while True:
            await self._behind.wait()
            await asyncio.sleep(delay_seconds)
            delay_seconds = flush_delay_seconds if await self.flush() else flush_again_seconds

    async def flush(self, *, in_order: bool = False) -> bool:
        """Bring the open sale to the disk now; whether it is there. `in_order`: the terminal stops, nothing follows."""
        async with self._one_at_a_time:
            self._behind.clear()
            state, commands, at = self.state, list(self._suspended.commands), self._clock.now()
            if not self._suspended.is_behind(state) and not (in_order and state.cart is not None):
                return True
            serial = self._suspended.next_serial()
            writing = self._journal.submit(
                lambda connection: self._suspended.write(
                    connection, state, commands, at, serial=serial, in_order=in_order
                )
            )
        try:
            await writing
        except JournalError as error:
            if str(error) != self._not_written:
                _log.error("open-sale-not-written", error=str(error))
            self._not_written = str(error)
            self._behind.set()
            return False
        self._not_written = ""
        self._suspended.written(state)
        self._counter.changed()
        return True

    async def _ask_central(self, command: Command) -> Told:
        """What only central can know: another location's receipt, a voucher's balance. Asked while online alone."""
        if self._counter.is_online():
            if isinstance(command, GiveBack):
                number = command.receipt_number
                if find_receipt(self._journal.reader, self._catalogue, number) is None:
                    return Told(receipts=tuple(await self._questions.receipts(number)))
            elif isinstance(command, TakeTender) and command.method == "VOUCHER" and command.voucher_code:
                return Told(voucher_balance_minor=await self._questions.voucher_balance(command.voucher_code))
        return Told()

    async def _given(self, command: Command, told: Told) -> Given:
        """All that the decision needs and may not look up itself. Raises `Refused`."""
        zone = self.shop().zone
        today = self._clock.today(zone)
        day = self.state.shift.business_date if self.state.shift else today
        person = supervisor = sellable = receipt = None
        approval = getattr(command, "approval", None)
        if isinstance(command, SignIn):
            person = await self._sign_in(command)
        elif approval is not None:
            supervisor = await self._pins.supervisor(approval.number, approval.pin)
        if isinstance(command, Scan):
            sellable = self._catalogue.by_reading(command.barcode, day)
        elif isinstance(command, AddLine) and command.sku is not None and command.voucher_code is None:
            sellable = self._catalogue.by_sku(command.sku, day)
        elif isinstance(command, GiveBack | VoidReceipt):
            number = command.receipt_number
            receipt = find_receipt(self._journal.reader, self._catalogue, number, told.receipts)
        return Given(
            at=self._clock.now(),
            ids=self._ids,
            terms=self.terms(),
            today=today,
            server_date=self._clock.server_date(zone),
            online=self._counter.is_online(),
            disk_short=isinstance(command, TakeTender | GiveBack | VoidReceipt) and self._space.is_short(),
            person=person,
            supervisor=supervisor,
            sellable=sellable,
            receipt=receipt,
            voucher_balance_minor=told.voucher_balance_minor,
        )

    async def _sign_in(self, command: SignIn) -> Any:
        try:
            return await self._pins.person(command.number, command.pin)
        except Refused as refused:
            await self._log_refused(command, refused)
            raise

    async def _log_refused(self, command: SignIn, refused: Refused) -> None:
        cashier = self._catalogue.cashiers.get(command.number)
        now = self._clock.now()
        given = Given(at=now, ids=self._ids, terms=self.terms(), today=self._clock.today(self.shop().zone))
        data = {"code": refused.code, "cashier_id": None if cashier is None else str(cashier.cashier_id)}
        entry = entry_of_log(self.state, given, "sign_in_refused", data)
        with contextlib.suppress(JournalError):
            await self._append(Batch((self._draft(entry),)), [entry])

    async def _commit(
        self, command: Command, events: Sequence[RegisterEvent], given: Given, original: bytes | None
    ) -> bytes:
        """Append what happened, with its paper, its answer and the open sale after it, in one transaction."""
        before = self.state
        entries = [event for event in events if isinstance(event, Entry)]
        around, terms, commands = self._counter.surroundings(), given.terms, list(self._suspended.commands)
        shop, serial = self.shop(), self._suspended.next_serial()
        after, printed = list[RegisterState](), list[Printed]()
        behind = self._suspended.is_behind(before)  # then the ids of its last commands are not on the disk either

        def prints(committed: Sequence[Committed]) -> Sequence[Printed]:
            after.append(evolved(before, _with_numbers(events, committed)))
            printed[:] = slips(entries, committed, before, shop, original)
            return printed

        def answer(committed: Sequence[Committed]) -> bytes:
            then = around.after(events=len(committed), slips=len(printed), answered=_answered_by(command))
            return _answer(committed, state_view(after[-1], serial, terms, then))

        def write(connection: sqlite3.Connection) -> None:
            self._suspended.write(connection, after[-1], commands, given.at, serial=serial)
            if isinstance(command, ConfirmPrint):
                answer_for(connection, command.receipt_number, whole=False, at=given.at)

        def open_sale() -> OpenSaleAfter:
            if not behind and self._suspended.is_ended_by(after[-1]) and not isinstance(command, ConfirmPrint):
                return OpenSaleAfter(ended=serial)
            return OpenSaleAfter(write=write)

        remembered = None
        if command.command_id is not None:
            remembered = Remembered(command.command_id, fingerprint(command), answer)
        drafts = tuple(self._draft(entry) for entry in entries)
        batch = Batch(drafts, prints=prints, remembered=remembered, open_sale=open_sale)
        committed, kept = await self._append(batch, entries)
        self.state, self._revision = after[-1], serial
        self._suspended.written(self.state)
        self._after_commit(committed)
        return kept if kept is not None else answer(committed)

    async def _append(self, batch: Batch, entries: Sequence[Entry]) -> tuple[Sequence[Committed], bytes | None]:
        appended = await self._journal.append(batch)
        self._counter.committed()
        return appended.events, appended.answer

    def _after_commit(self, committed: Sequence[Committed]) -> None:
        """Tell the printer, the drawer and everybody who looks on."""
        if any(self._opens_drawer(event) for event in committed):
            self._spool.open_drawer()
        self._spool.recount()
        self._spool.wake()
        self._counter.changed()

    def _opens_drawer(self, event: Committed) -> bool:
        payload = event.payload
        if isinstance(payload, Sale | Refund):
            kinds = {kind.code for kind in self._catalogue.settings.tender_types or () if kind.opens_drawer}
            return any(tender.method == "CASH" or tender.tender_type in kinds for tender in payload.tenders)
        return event.type in ("NO_SALE", "CASH_MOVEMENT", "SHIFT_OPEN", "SHIFT_CLOSE")

    async def _witness(self, command: ConfirmPrint) -> bytes:
        """A person says that the paper came out whole."""
        if command.receipt_number not in self._spool.unconfirmed:
            raise Refused("nothing-to-confirm", receipt_number=command.receipt_number)
        answer, at = self._answer(_answered_by(command)), self._clock.now()

        def work(connection: sqlite3.Connection) -> None:
            answer_for(connection, command.receipt_number, whole=True, at=at)
            insert_answer(connection, command, answer, at)

        await self._journal.write(work)
        self._spool.recount()
        self._counter.changed()
        return answer

    def _original_slip(self, command: Command) -> bytes | None:
        """The document that a reprint copies. Raises `Refused`."""
        if isinstance(command, ConfirmPrint) and command.receipt_number not in self._spool.unconfirmed:
            raise Refused("nothing-to-confirm", receipt_number=command.receipt_number)
        if not isinstance(command, Reprint | ConfirmPrint):
            return None
        original = printed_document(self._journal.reader, command.receipt_number)
        if original is None:
            raise Refused("unknown-receipt", receipt_number=command.receipt_number)
        return original

    def _draft(self, entry: Entry) -> Draft:
        return Draft(entry.payload, entry.at, entry.business_date, self._clock.offset_ms)

    def _answer(self, answered: str | None = None) -> bytes:
        """The answer to what committed nothing; `answered` is the number of the slips that a person looked at."""
        around = self._counter.surroundings().after(answered=answered)
        return _answer((), state_view(self.state, self._revision, self.terms(), around))


def _answer(committed: Sequence[Committed], view: dict[str, Any]) -> bytes:
    events = [{"sequence": event.sequence, "type": event.type} for event in committed]
    return _encoder.encode({"events": events, "state": view})


def _answered_by(command: Command) -> str | None:
    return command.receipt_number if isinstance(command, ConfirmPrint) else None


def _as_reprint(command: Command) -> Command:
    """Saying that a receipt is not whole asks for a copy of it."""
    return Reprint(receipt_number=command.receipt_number) if isinstance(command, ConfirmPrint) else command


def _with_numbers(events: Sequence[RegisterEvent], committed: Sequence[Committed]) -> list[RegisterEvent]:
    """The decision's events, their entries as the journal sealed them."""
    sealed = iter(committed)
    return [with_payload(event, next(sealed).payload) if isinstance(event, Entry) else event for event in events]
