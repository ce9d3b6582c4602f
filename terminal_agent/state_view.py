"""The state as a front end sees it (contract, section 11)."""

from typing import Any

import msgspec
from msgspec import Struct

from protocol.lines import write_time
from terminal_agent.register.state import Cart, CartLine, ParkedSale, RegisterState, TenderEntry
from terminal_agent.register.states import state_of
from terminal_agent.register.tendering import cash_due
from terminal_agent.register.terms import Terms


class DeviceView(Struct, frozen=True):
    id: str
    kind: str
    state: str
    reason: str | None = None
    detail: str | None = None


class SyncView(Struct, frozen=True, kw_only=True):
    """How far central and this terminal know of each other."""

    online: bool
    pending: int
    acknowledged_through: int
    last_contact_at: str | None
    catalogue_through: str | None
    needs_help: str | None = None
    forked: bool = False


class PrintingView(Struct, frozen=True):
    queued: int
    unconfirmed: int
    unconfirmed_receipts: tuple[str, ...] = ()


class RefusedScan(Struct, frozen=True):
    """The scanner's last reading, where it was refused: nobody but the state can tell the cashier."""

    barcode: str
    code: str
    detail: str
    at: str


class Surroundings(Struct, frozen=True):
    """What a state shows beside the register."""

    devices: tuple[DeviceView, ...]
    printing: PrintingView
    sync: SyncView
    problems: tuple[str, ...] = ()
    refused_scan: RefusedScan | None = None

    def after(self, *, events: int = 0, slips: int = 0, answered: str | None = None) -> "Surroundings":
        """As it is once so many events and slips more wait, and a person gave an answer on the slips of a number."""
        left = tuple(number for number in self.printing.unconfirmed_receipts if number != answered)
        return msgspec.structs.replace(
            self,
            printing=PrintingView(self.printing.queued + slips, len(left), left),
            sync=msgspec.structs.replace(self.sync, pending=self.sync.pending + events),
        )


def state_view(state: RegisterState, revision: int, terms: Terms, around: Surroundings) -> dict[str, Any]:
    """The whole state, to be encoded as JSON; `revision` grows with each change of the register, over restarts too."""
    shift = state.shift
    return {
        "revision": revision,
        "state": state_of(state).value,
        "currency": terms.currency,
        "cashier": None
        if state.cashier is None
        else {
            "cashier_id": state.cashier.cashier_id,
            "number": state.cashier.number,
            "name": state.cashier.name,
            "role": state.cashier.role,
        },
        "shift": None
        if shift is None
        else {
            "shift_id": shift.shift_id,
            "business_date": shift.business_date,
            "opened_at": write_time(shift.opened_at),
            "float_minor": shift.float_minor,
            "cash_minor": shift.cash_minor,
            "methods": shift.methods,
            "sales_count": shift.sales_count,
            "sales_minor": shift.sales_minor,
            "refunds_count": shift.refunds_count,
            "refunds_minor": shift.refunds_minor,
            "voids_count": shift.voids_count,
        },
        "cart": None if state.cart is None else _cart(state.cart, terms),
        "parked": [_parked(parked) for parked in state.parked],
        "last_receipt_number": state.last_receipt_number,
        "devices": around.devices,
        "printing": around.printing,
        "sync": around.sync,
        "problems": around.problems,
        "refused_scan": around.refused_scan,
    }


def _cart(cart: Cart, terms: Terms) -> dict[str, Any]:
    totals = {line.line: line for line in cart.totals.lines}
    return {
        "revision": cart.revision,
        "lines": [_line(line, totals[line.line].gross_minor, totals[line.line].net_minor) for line in cart.lines],
        "taxes": cart.totals.taxes,
        "net_minor": cart.totals.net_minor,
        "tax_minor": cart.totals.tax_minor,
        "gross_minor": cart.totals.gross_minor,
        "tenders": [_tender(tender) for tender in cart.tenders],
        "due_minor": cart.due_minor,
        "cash_due_minor": cash_due(cart, terms),
    }


def _line(line: CartLine, gross_minor: int, net_minor: int) -> dict[str, Any]:
    return {
        "line": line.line,
        "kind": line.kind,
        "product_id": line.product_id,
        "sku": line.sku,
        "name": line.name,
        "category": line.category,
        "barcode": line.barcode,
        "unit": line.unit,
        "quantity_milli": line.quantity_milli,
        "list_price_minor": line.list_price_minor,
        "unit_price_minor": line.unit_price_minor,
        "price_quantity_milli": line.unit_price_quantity_milli,
        "discount_minor": line.discount_minor,
        "price_rule_id": line.price_rule_id,
        "approved_by": line.approved_by,
        "amount_minor": line.amount_minor,
        "gross_minor": gross_minor,
        "net_minor": net_minor,
        "age_min": line.age_min,
        "age_confirmed": line.age_confirmed,
    }


def _tender(tender: TenderEntry) -> dict[str, Any]:
    return {
        "method": tender.method,
        "tender_type": tender.tender_type,
        "amount_minor": tender.amount_minor,
        "tendered_minor": tender.tendered_minor,
        "change_minor": tender.change_minor,
        "voucher_code": tender.voucher_code,
        "reference": tender.reference,
    }


def _parked(parked: ParkedSale) -> dict[str, Any]:
    return {
        "parked_id": parked.parked_id,
        "label": parked.label,
        "parked_at": write_time(parked.parked_at),
        "lines": len(parked.cart.lines),
        "gross_minor": parked.cart.totals.gross_minor,
    }
