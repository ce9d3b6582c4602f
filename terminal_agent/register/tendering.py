"""Decisions on paying: what each tender takes of what is due, cash rounding, change, and the SALE at the end."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET

from protocol.events import Line, LineTax, Sale, TaxRow, Tender
from protocol.totals import LineTotals, ReceiptTotals, receipt_cash_rounding
from terminal_agent.register.commands import RemoveTender, TakeTender
from terminal_agent.register.decision import business_date, masked
from terminal_agent.register.events import CartChanged, Entry, RegisterEvent
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import Cart, CartLine, RegisterState, TenderEntry, cart_tenders_max
from terminal_agent.register.terms import Given, TenderType, Terms


def take_tender(state: RegisterState, command: TakeTender, given: Given) -> Sequence[RegisterEvent]:
    """A part of what is due, or all of it: then the SALE. Raises `Refused`."""
    cart = state.cart
    assert cart is not None, "the table of states admits a tender with a cart alone"
    _check_before_money(cart, given)
    kind = tender_type(given.terms, command.method, command.tender_type)
    if command.method == "CASH":
        entry, is_last = _cash(cart, command, given.terms)
    else:
        entry, is_last = _other(cart, command, given, kind)
    entries = (*cart.tenders, msgspec.structs.replace(entry, tender_type=command.tender_type))
    if not is_last:
        return [CartChanged(msgspec.structs.replace(cart, tenders=entries))]
    paid = msgspec.structs.replace(cart, tenders=entries)
    sale = _sale(state, cart, _without_excess(entries, -cash_due(paid, given.terms)), given)
    return [Entry(sale, given.at, business_date(state, given)), CartChanged(None)]


def remove_tender(state: RegisterState, command: RemoveTender, given: Given) -> Sequence[RegisterEvent]:
    cart = state.cart
    assert cart is not None, "the table of states admits this with a tender alone"
    place = command.tender or len(cart.tenders)
    if place > len(cart.tenders):
        raise Refused("no-tender")
    left = cart.tenders[: place - 1] + cart.tenders[place:]
    return [CartChanged(msgspec.structs.replace(cart, tenders=left))]


def tender_type(terms: Terms, method: str, code: str | None) -> TenderType | None:
    """The shop's own way of paying of that code; None where none was asked for. Raises `Refused`."""
    if method == "EXCHANGE":
        raise Refused("unknown-tender", "What passes between refund and sale is reckoned by the exchange itself")
    if code is None:
        return None
    for kind in terms.settings.tender_types or ():
        if kind.code == code and kind.method == method:
            return kind
    raise Refused("unknown-tender", tender_type=code)


def cash_due(cart: Cart, terms: Terms) -> int:
    """What is left to pay if all of it is paid in cash, rounded to the coins that there are."""
    cash_given = sum(entry.amount_minor for entry in cart.tenders if entry.method == "CASH")
    others = cart.tendered_minor - cash_given
    gross = cart.totals.gross_minor
    return gross - others + receipt_cash_rounding(gross, others, terms.cash_rounding_minor) - cash_given


def totals_fields(totals: ReceiptTotals) -> tuple[tuple[TaxRow, ...], dict[int, LineTotals]]:
    """A receipt's rows of taxes as they stand in an event, and its lines' totals by number."""
    rows = tuple(TaxRow(row.code, row.rate_ppm, row.base_minor, row.amount_minor) for row in totals.taxes)
    return rows, {line.line: line for line in totals.lines}


def _check_before_money(cart: Cart, given: Given) -> None:
    """What must be said before anybody hands over money."""
    if not cart.tenders and given.disk_short:
        raise Refused("disk-full")
    for line in cart.lines:
        if line.age_min is not None and not line.age_confirmed:
            raise Refused("age-check-required", f"{line.name}: is the customer {line.age_min}?", line=line.line)
    if len(cart.tenders) >= cart_tenders_max:
        raise Refused("bad-amount", f"A sale takes {cart_tenders_max} tenders at most")


def _cash(cart: Cart, command: TakeTender, terms: Terms) -> tuple[TenderEntry, bool]:
    due = cash_due(cart, terms)
    handed = due if command.amount_minor is None else command.amount_minor
    if handed >= due:
        return TenderEntry("CASH", due, handed, handed - due, reference=masked(command.reference)), True
    if handed == 0:
        raise Refused("underpaid", due_minor=due)
    return TenderEntry("CASH", handed, handed, reference=masked(command.reference)), False


def _other(cart: Cart, command: TakeTender, given: Given, kind: TenderType | None) -> tuple[TenderEntry, bool]:
    due = cart.due_minor
    asked = due if command.amount_minor is None else command.amount_minor
    if command.method == "VOUCHER":
        _check_voucher(cart, command, given, asked)
    if asked > due and not (kind is not None and kind.change_allowed):
        raise Refused("overpaid", due_minor=due)
    if asked == 0 and due > 0:
        raise Refused("underpaid", due_minor=due)
    amount = min(asked, due)
    entry = TenderEntry(
        command.method,
        amount,
        asked,
        asked - amount,
        voucher_code=command.voucher_code,
        reference=masked(command.reference),
    )
    paid = msgspec.structs.replace(cart, tenders=(*cart.tenders, entry))
    in_cash = any(tender.method == "CASH" for tender in cart.tenders)
    return entry, (cash_due(paid, given.terms) <= 0 if in_cash else paid.due_minor == 0)


def _without_excess(entries: Sequence[TenderEntry], excess_minor: int) -> Sequence[TenderEntry]:
    """Coins that came before a card and are now too many by the rounding go back as change."""
    if excess_minor <= 0:
        return entries
    kept = list(entries)
    for index, entry in enumerate(kept):
        if entry.method == "CASH" and entry.amount_minor >= excess_minor:
            kept[index] = msgspec.structs.replace(
                entry,
                amount_minor=entry.amount_minor - excess_minor,
                change_minor=entry.change_minor + excess_minor,
            )
            break
    return kept


def _check_voucher(cart: Cart, command: TakeTender, given: Given, asked: int) -> None:
    """By the balance that central told, else by the bound for tills that cannot know it. Raises `Refused`."""
    vouchers = [entry for entry in cart.tenders if entry.method == "VOUCHER"]
    if given.voucher_balance_minor is not None:
        of_this = sum(entry.amount_minor for entry in vouchers if entry.voucher_code == command.voucher_code)
        left = given.voucher_balance_minor - of_this
        if asked > left:
            raise Refused("voucher-exceeds-balance", "The voucher does not hold that much", balance_minor=left)
        return
    bound = given.terms.settings.voucher_offline_max_minor
    if bound is not None and asked + sum(entry.amount_minor for entry in vouchers) > bound:
        raise Refused("voucher-exceeds-balance", f"Vouchers of more than {bound} need the server", limit_minor=bound)


def _sale(state: RegisterState, cart: Cart, entries: Sequence[TenderEntry], given: Given) -> Sale:
    rows, totals = totals_fields(cart.totals)
    gross = cart.totals.gross_minor
    paid = sum(entry.amount_minor for entry in entries)
    terms = given.terms
    approver = cart.discount.approved_by if cart.discount else None
    return Sale(
        sale_id=cart.cart_id,
        receipt_number="",
        cashier_id=state.cashier.cashier_id if state.cashier else None,
        shift_id=state.shift.shift_id if state.shift else None,
        currency=terms.currency,
        price_mode=terms.price_mode,
        tax_rounding=terms.tax_rounding,
        lines=tuple(_line(line, totals[line.line], approver) for line in cart.lines),
        taxes=rows,
        net_minor=cart.totals.net_minor,
        tax_minor=cart.totals.tax_minor,
        gross_minor=gross,
        rounding_minor=paid - gross,
        tenders=() if gross == 0 and paid == 0 else tuple(_tender(entry) for entry in entries),
        catalogue_through=terms.catalogue_through or UNSET,
    )


def _tender(entry: TenderEntry) -> Tender:
    return Tender(
        method=entry.method,
        tender_type=entry.tender_type,
        amount_minor=entry.amount_minor,
        tendered_minor=entry.tendered_minor,
        change_minor=entry.change_minor,
        voucher_code=entry.voucher_code,
        reference=entry.reference,
    )


def _line(line: CartLine, totals: LineTotals, receipt_approver: UUID | None) -> Line:
    from_receipt = receipt_approver if line.kind == "product" and line.discount_minor else None
    return Line(
        line=line.line,
        kind=line.kind,
        product_id=line.product_id,
        sku=line.sku,
        name=masked(line.name),
        category=line.category,
        barcode=line.barcode,
        quantity_milli=line.quantity_milli,
        list_price_minor=line.list_price_minor,
        unit_price_minor=line.unit_price_minor,
        price_quantity_milli=line.unit_price_quantity_milli,
        discount_minor=line.discount_minor,
        price_rule_id=None if line.price_rule_id is None else UUID(line.price_rule_id),
        approved_by=line.approved_by or from_receipt,
        gross_minor=totals.gross_minor,
        net_minor=totals.net_minor,
        taxes=tuple(LineTax(tax.code, tax.rate_ppm, tax.amount_minor, tax.compound) for tax in totals.taxes),
        serial=line.serial or UNSET,
        lot=line.lot or UNSET,
        expires=line.expires.isoformat() if line.expires else UNSET,
        age_confirmed=True if line.age_confirmed else UNSET,
    )
