"""Recounts the books from the events: entries, lines of reports, receipts, and every sum that is kept of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from central.cli.recount.finding import Findings
from central.cli.recount.rows import Alongside, key_of
from central.ledger.posting import Entries, EventKey, cash_of, entries_of, negated
from central.reporting.roll_ups import summed, taxes_text
from central.sales.applied_event import AppliedEvent
from central.sales.checks import Facts, Place, card_number_found, tax_mismatch, tender_mismatch, totals_mismatch
from central.sales.exchanges import exchange_movement
from central.sales.movement import Movement, movement_of
from central.sales.receipts import ReceiptId, receipt_id_of
from central.sales.refunds import add_refund
from central.sales.voids import target_of
from central.sales.vouchers import voucher_movements
from protocol.events import CashMovement, Event, Refund, Sale, ShiftClose, ShiftOpen, Void
from protocol.refund import GivenBack

_checks = (
    ("totals-mismatch", totals_mismatch),
    ("tax-mismatch", tax_mismatch),
    ("tender-mismatch", tender_mismatch),
    ("card-number-found", card_number_found),
)


_line_columns = (
    "business_date",
    "location_id",
    "seller_id",
    "cashier_id",
    "product_id",
    "price_rule_id",
    "approved_by",
    "quantity_milli",
    "gross_minor",
    "net_minor",
    "tax_minor",
    "discount_minor",
    "line",
    "hour",
    "sign",
    "is_refund",
    "category",
)


class Voided(msgspec.Struct, frozen=True):
    """What the VOIDs of a tenant void: a receipt, where it is, where it was booked, and how often it is voided."""

    key: EventKey
    location_id: UUID
    terminal_id: UUID
    payload: Sale | Refund


class Books:
    """Fed with every applied event in order; adds up what the tables should say."""

    def __init__(
        self,
        findings: Findings,
        places: dict[UUID, Place],
        voided: dict[ReceiptId, Voided],
        void_counts: Counter[ReceiptId],
        moved: dict[EventKey, list[tuple[date, str, int]]],
        raised: dict[EventKey, set[str]],
    ) -> None:
        self._findings = findings
        self._places = places
        self._voided = voided
        self._void_counts = void_counts
        self._moved = moved
        self._raised = raised
        self.balances: Counter[tuple[date, UUID, str]] = Counter()
        self.daily: dict[Any, list[int]] = {}
        self.hourly: dict[Any, list[int]] = {}
        self.given: dict[UUID, dict[int, GivenBack]] = {}
        self.vouchers: Counter[str] = Counter()
        self.shifts: dict[UUID, list[int]] = {}
        self.exchanges: dict[UUID, list[int]] = {}

    async def look(self, row: Any, event: Event, entries: Alongside, lines: Alongside, receipts: Alongside) -> None:
        """Look at one applied event: its entries, its lines in the reports, its receipt, its exceptions."""
        key = key_of(row)
        payload = event.payload
        voided = self._voided.get(target_of(payload)) if isinstance(payload, Void) else None
        self._compare_entries(row, event, voided, await entries.take(key))
        movement = self._movement(row, event, voided)
        self._compare_lines(key, movement, await lines.take(key))
        found = await receipts.take(key)
        if isinstance(payload, Sale | Refund):
            self._compare_receipt(row, payload, found)
        self._add_up(key, row, event, voided)
        self._compare_exceptions(row, event)

    def _entries(self, event: Event, voided: Voided | None) -> Entries:
        if isinstance(event.payload, Void):
            return () if voided is None else negated(entries_of(voided.payload))
        return entries_of(event.payload)

    def _compare_entries(self, row: Any, event: Event, voided: Voided | None, found: Sequence[Any]) -> None:
        key = key_of(row)
        location_id = row["location_id"] if voided is None else voided.location_id
        expected = [
            (location_id, event.business_date, account, amount) for account, amount in self._entries(event, voided)
        ]
        for day, account, amount in self._moved.get(key, []):
            expected += [(location_id, day, "suspense", -amount), (location_id, day, account, amount)]
        actual = [(of["location_id"], of["business_date"], of["account"], of["amount_minor"]) for of in found]
        self._findings.looked("entries", len(actual))
        if Counter(actual) != Counter(expected):
            missing, extra = Counter(expected) - Counter(actual), Counter(actual) - Counter(expected)
            self._findings.add("entries", key, _short(missing), _short(extra))
        if sum(of["amount_minor"] for of in found):
            self._findings.add("journal", key, 0, sum(of["amount_minor"] for of in found))
        for of_location, day, account, amount in expected:
            self.balances[day, of_location, account] += amount

    def _movement(self, row: Any, event: Event, voided: Voided | None) -> Movement | None:
        payload: Sale | Refund
        if voided is not None:
            payload, location_id, terminal_id, sign = voided.payload, voided.location_id, voided.terminal_id, -1
        elif isinstance(event.payload, Sale | Refund):
            payload, location_id, terminal_id, sign = event.payload, row["location_id"], row["terminal_id"], 1
        else:
            return None
        return movement_of(
            payload,
            key=key_of(row),
            at=event.created_at,
            business_date=event.business_date,
            zone=self._places[location_id].zone,
            location_id=location_id,
            terminal_id=terminal_id,
            sign=sign,
        )

    def _compare_lines(self, key: EventKey, movement: Movement | None, found: Sequence[Any]) -> None:
        """A location's zone may have changed since, so the hour is the one that was kept; the roll-up must have it."""
        self._findings.looked("report lines", len(found))
        expected: Counter[Any] = Counter()
        if movement is not None:
            hour = found[0]["hour"] if found else movement.hour
            movement = msgspec.structs.replace(movement, hour=hour)
            expected = Counter(_line_rows(movement))
            daily, hourly = summed([movement])
            for sums, added in ((self.daily, daily), (self.hourly, hourly)):
                for at, figures in added.items():
                    before = sums.get(at, [0] * 12)
                    sums[at] = [old + new for old, new in zip(before, figures, strict=True)]
        actual = Counter(_line_row(of) for of in found)
        if actual != expected:
            self._findings.add("report lines", key, _short(expected - actual), _short(actual - expected))

    def _compare_receipt(self, row: Any, payload: Sale | Refund, found: Sequence[Any]) -> None:
        key = key_of(row)
        receipt = receipt_id_of(payload)
        original = payload.original.sale_id if isinstance(payload, Refund) and payload.original is not None else None
        expected: Any = (*receipt, payload.receipt_number, row["location_id"], row["business_date"], original)
        names = ("receipt_id", "is_refund", "receipt_number", "location_id", "business_date", "original_id")
        actual: Any = tuple(found[0][name] for name in names) if found else None
        self._findings.compare("receipt", key, expected, actual)
        if found and not found[0]["copy"]:
            self._findings.compare("receipt", (*key, "voids"), self._void_counts[receipt], found[0]["void_count"])

    def _add_up(self, key: EventKey, row: Any, event: Event, voided: Voided | None) -> None:
        payload = event.payload
        entries = self._entries(event, voided)
        shift_id = getattr(payload, "shift_id", None)
        if isinstance(payload, ShiftOpen | CashMovement | Sale | Refund | Void) and shift_id is not None:
            self._shift(shift_id)[0] += cash_of(entries)
        if isinstance(payload, ShiftOpen):
            self._shift(payload.shift_id)[1] += 1
        if isinstance(payload, ShiftClose):
            self._shift(payload.shift_id)[2] += 1
        of = payload if isinstance(payload, Sale | Refund) else None if voided is None else voided.payload
        if of is None:
            return
        sign = 1 if voided is None else -1
        for movement in voucher_movements(of, key, key, row["location_id"], sign):
            self.vouchers[movement.code] += movement.amount_minor
        exchange = exchange_movement(of, key, sign)
        if exchange is not None:
            sums = self.exchanges.setdefault(exchange.exchange_id, [0] * 5)
            for index, figure in enumerate(
                (
                    exchange.sales,
                    exchange.refunds,
                    exchange.sale_voids,
                    exchange.refund_voids,
                    exchange.clearing_minor,
                )
            ):
                sums[index] += figure
        if isinstance(payload, Refund):
            self._give_back(key, payload)

    def _give_back(self, key: EventKey, refund: Refund) -> None:
        target = self._voided.get((refund.refund_id, True))
        if refund.original is not None and (target is None or target.key != key):
            sale_id = refund.original.sale_id
            self.given[sale_id] = add_refund(self.given.get(sale_id, {}), refund)

    def _compare_exceptions(self, row: Any, event: Event) -> None:
        """What is wrong with an event by its own bytes was raised, whatever became of it since."""
        place = self._places[row["location_id"]]
        applied = AppliedEvent(
            terminal_id=row["terminal_id"],
            epoch=row["epoch"],
            branch=row["branch"],
            location_id=row["location_id"],
            received_at=row["received_at"],
            receipt_prefix="",
            enrolled_at=row["received_at"],
            line=row["line"],
            event=event,
        )
        for code, check in _checks:
            self._findings.looked("exceptions")
            wrong = check(applied, Facts(place, frozenset()))
            if wrong is not None and code not in self._raised.get(applied.key, set()):
                self._findings.add("exceptions", applied.key, f"{code}: {wrong}", None)

    def _shift(self, shift_id: UUID) -> list[int]:
        return self.shifts.setdefault(shift_id, [0, 0, 0])


def _line_rows(movement: Movement) -> list[tuple[Any, ...]]:
    return [
        (
            movement.business_date,
            movement.location_id,
            movement.terminal_id,
            movement.cashier_id,
            line.product_id,
            line.price_rule_id,
            line.approved_by,
            *line.figures,
            line.line,
            movement.hour,
            movement.sign,
            movement.is_refund,
            line.category,
            _plain(taxes_text(line.taxes, movement.sign)),
        )
        for line in movement.lines
    ]


def _line_row(of: Any) -> tuple[Any, ...]:
    return (*[of[name] for name in _line_columns], _plain(of["taxes"]))


def _plain(taxes: str | None) -> str | None:
    return None if taxes is None else msgspec.json.encode(msgspec.json.decode(taxes)).decode()


def _short(rows: Counter[Any]) -> str | None:
    shown = [", ".join(str(part) for part in row) for row in rows.elements()]
    return "; ".join(shown[:3]) or None
