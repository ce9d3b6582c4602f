"""given(events).when(command).then(events): the register in the trade's words, without IO, clock or chance."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec
import pytest

from protocol.events import Payload, Refund, Sale, TillLog
from protocol.refund import GivenBack
from protocol.tax import Tax
from terminal_agent.register.commands import Command, OpenShift, Scan, SignIn
from terminal_agent.register.decide import decide, evolved
from terminal_agent.register.events import Entry, RegisterEvent, with_payload
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import Person, RegisterState
from terminal_agent.register.terms import Given, KnownReceipt, Sellable, Settings, Terms

NAMESPACE = UUID("5f0a4f52-7a55-4a6c-9d47-3f7f40a6a3c1")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
VAT = Tax("VAT", 200_000, False)


def id_of(text: str) -> UUID:
    return uuid5(NAMESPACE, text)


ANN = Person(id_of("ANN"), "1", "Ann", "cashier")
SUE = Person(id_of("SUE"), "9", "Sue", "supervisor")
TERMS = Terms(
    location_id=str(id_of("HIGH STREET")),
    currency="EUR",
    price_mode="tax_inclusive",
    tax_rounding="receipt",
    cash_rounding_minor=1,
    zone=ZoneInfo("Europe/London"),
    settings=Settings(discount_max_ppm=100_000),
)


def product(sku: str, price_minor: int, **more: Any) -> Sellable:
    fields: dict[str, Any] = {"product_id": id_of(sku), "sku": sku, "name": sku.title(), "taxes": (VAT,)}
    return Sellable(list_price_minor=price_minor, **{**fields, **more})


COFFEE = product("COFFEE", 350)
WINE = product("WINE", 999, age_min=18)
BREAD = product("BREAD", 199)


@dataclass(frozen=True)
class Counter:
    """A register somewhere in its day, and what the next command is given."""

    state: RegisterState
    terms: Terms = TERMS
    given: tuple[tuple[str, Any], ...] = ()
    happened: tuple[RegisterEvent, ...] = ()
    receipts: int = 0

    def knowing(self, **given: Any) -> "Counter":
        """What was looked up for the next command."""
        return replace(self, given=tuple({**dict(self.given), **given}.items()))

    def selling_by(self, **terms: Any) -> "Counter":
        fields = {name: getattr(self.terms, name) for name in self.terms.__struct_fields__}
        return replace(self, terms=Terms(**{**fields, **terms}))

    def when(self, command: Command) -> "Counter":
        """What the command did. Raises `Refused`."""
        fields: dict[str, Any] = {"at": NOW, "today": TODAY, "terms": self.terms, "ids": self._ids()}
        fields |= dict(self.given)
        happened = [self._sealed(event) for event in decide(self.state, command, Given(**fields))]
        receipts = self.receipts + sum(
            isinstance(event, Entry) and isinstance(event.payload, Sale | Refund) for event in happened
        )
        return replace(self, state=evolved(self.state, happened), happened=tuple(happened), given=(), receipts=receipts)

    def refuses(self, command: Command, code: str) -> None:
        """The command is refused with this code, and nothing has changed."""
        with pytest.raises(Refused) as refused:
            self.when(command)

        assert refused.value.code == code

    def scanned(self, *products: Sellable) -> "Counter":
        counter = self
        for sellable in products:
            counter = counter.knowing(sellable=sellable).when(Scan(barcode=sellable.barcode or "0"))
        return counter

    @property
    def payloads(self) -> list[Payload]:
        """What the last command put into the journal."""
        return [event.payload for event in self.happened if isinstance(event, Entry)]

    @property
    def sale(self) -> Sale:
        [sale] = [payload for payload in self.payloads if isinstance(payload, Sale)]
        return sale

    @property
    def refund(self) -> Refund:
        [refund] = [payload for payload in self.payloads if isinstance(payload, Refund)]
        return refund

    @property
    def logs(self) -> list[str]:
        return [payload.kind for payload in self.payloads if isinstance(payload, TillLog)]

    def _ids(self) -> Any:
        numbers = iter(range(1_000))
        turn = repr(self.state)
        return lambda: id_of(f"{turn} {next(numbers)}")

    def _sealed(self, event: RegisterEvent) -> RegisterEvent:
        """As the journal gives receipt numbers."""
        if isinstance(event, Entry) and isinstance(event.payload, Sale | Refund):
            number = f"T1-{self.receipts + 1}"
            return with_payload(event, msgspec.structs.replace(event.payload, receipt_number=number))
        return event


def locked() -> Counter:
    """Nobody is signed in, no shift is open."""
    return Counter(RegisterState())


def closed() -> Counter:
    """Ann is signed in."""
    return locked().knowing(person=ANN).when(SignIn(number="1", pin="2580"))


def idle(float_minor: int = 10_000) -> Counter:
    """Ann has an open shift."""
    return closed().when(OpenShift(float_minor=float_minor))


def selling(*products: Sellable) -> Counter:
    """Ann has these in the cart; a coffee where none is named."""
    return idle().scanned(*(products or (COFFEE,)))


def known(document: Sale | Refund, **more: Any) -> KnownReceipt:
    """A receipt of this register's own journal."""
    fields: dict[str, Any] = {"document": document, "business_date": TODAY, "own": True}
    return KnownReceipt(**{**fields, **more})


def parts_given(refund: Refund) -> dict[int, GivenBack]:
    """What a refund gave of each line of its sale."""
    given = {}
    for line in refund.lines:
        assert line.original_line is not None
        taxes = {(tax.code, tax.rate_ppm): tax.amount_minor for tax in line.taxes}
        amount = line.gross_minor if refund.price_mode == "tax_inclusive" else line.net_minor
        given[line.original_line] = GivenBack(line.quantity_milli, amount, line.discount_minor, taxes)
    return given
