"""Decisions on finished receipts: giving back parts of a sale, and voiding a receipt of the open shift."""

from collections.abc import Sequence
from uuid import UUID

from protocol.events import LineTax, Original, Refund, RefundLine, Sale, Tender, Void
from protocol.refund import (
    GivenBack,
    RefundedLine,
    RefundExceedsSaleError,
    SoldLine,
    add_given,
    amount_of,
    given_by,
    refund_line,
    refund_totals,
)
from protocol.totals import ReceiptTotals, TaxAmount, receipt_cash_rounding
from terminal_agent.register.approvals import approved_by, check_refund, check_void
from terminal_agent.register.commands import GiveBack, RefundPart, RefundTender, VoidReceipt
from terminal_agent.register.decision import business_date, masked
from terminal_agent.register.events import Entry, RegisterEvent
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import RegisterState
from terminal_agent.register.tendering import tender_type, totals_fields
from terminal_agent.register.terms import Given, KnownReceipt


def give_back(state: RegisterState, command: GiveBack, given: Given) -> Sequence[RegisterEvent]:
    """A REFUND of parts of a known sale, each line's cumulative share. Raises `Refused`."""
    if given.disk_short:
        raise Refused("disk-full")
    receipt = given.receipt
    if receipt is None or not isinstance(receipt.document, Sale):
        raise Refused("unknown-receipt", receipt_number=command.receipt_number)
    if receipt.voided:
        raise Refused("already-voided")
    sale = receipt.document
    lines = refunded_lines(sale, receipt, command.lines)
    totals = refund_totals(lines)
    approver = approved_by(state, given)
    check_refund(state, given, receipt, totals.gross_minor, approver)
    tenders, rounding = _tenders(command.tenders, sale, totals, given)
    refund = Refund(
        refund_id=given.ids(),
        receipt_number="",
        original=Original(sale.sale_id, sale.receipt_number),
        reason=masked(command.reason),
        approved_by=approver,
        cashier_id=state.cashier.cashier_id if state.cashier else None,
        shift_id=state.shift.shift_id if state.shift else None,
        currency=sale.currency,
        price_mode=sale.price_mode,
        tax_rounding=sale.tax_rounding,
        lines=tuple(_line(sale, line, approver) for line in lines),
        taxes=totals_fields(totals)[0],
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        rounding_minor=rounding,
        tenders=tenders,
    )
    return [Entry(refund, given.at, business_date(state, given))]


def void_receipt(state: RegisterState, command: VoidReceipt, given: Given) -> Sequence[RegisterEvent]:
    """A VOID of a receipt of the open shift. Raises `Refused`."""
    if given.disk_short:
        raise Refused("disk-full")
    receipt = given.receipt
    if receipt is None:
        raise Refused("unknown-receipt", receipt_number=command.receipt_number)
    document = receipt.document
    if not receipt.own or state.shift is None or document.shift_id != state.shift.shift_id:
        raise Refused("other-shift")
    if receipt.voided:
        raise Refused("already-voided")
    if receipt.refunded:
        raise Refused("already-refunded")
    approver = approved_by(state, given)
    check_void(state, approver)
    void = Void(
        sale_id=document.sale_id if isinstance(document, Sale) else None,
        refund_id=None if isinstance(document, Sale) else document.refund_id,
        reason=masked(command.reason),
        approved_by=approver,
        cashier_id=state.cashier.cashier_id if state.cashier else None,
        shift_id=state.shift.shift_id,
    )
    return [Entry(void, given.at, business_date(state, given), voided=document)]


def refunded_lines(sale: Sale, receipt: KnownReceipt, parts: Sequence[RefundPart]) -> list[RefundedLine]:
    """What each asked part gives back, numbered from 1; two parts of one line follow each other. Raises `Refused`."""
    sold = {line.line: line for line in sale.lines}
    given = dict(receipt.given)
    lines: list[RefundedLine] = []
    for number, part in enumerate(parts, start=1):
        if part.original_line not in sold:
            raise Refused("no-such-line", line=part.original_line)
        line = sold[part.original_line]
        whole = SoldLine(
            line.line,
            line.quantity_milli,
            amount_of(line.gross_minor, line.net_minor, sale.price_mode),
            tuple(TaxAmount(tax.code, tax.rate_ppm, tax.compound, tax.amount_minor) for tax in line.taxes),
            line.discount_minor,
        )
        before = given.get(line.line, GivenBack())
        try:
            refunded = refund_line(whole, part.quantity_milli, before, sale.price_mode, number)
        except RefundExceedsSaleError as error:
            raise Refused("refund-exceeds-sale", str(error), line=part.original_line) from error
        given[line.line] = add_given(before, given_by(refunded))
        lines.append(refunded)
    return lines


def _line(sale: Sale, part: RefundedLine, approver: UUID | None) -> RefundLine:
    sold = next(line for line in sale.lines if line.line == part.original_line)
    return RefundLine(
        line=part.line,
        original_line=part.original_line,
        kind=sold.kind,
        product_id=sold.product_id,
        sku=sold.sku,
        name=sold.name,
        category=sold.category,
        barcode=sold.barcode,
        quantity_milli=part.quantity_milli,
        list_price_minor=sold.list_price_minor,
        unit_price_minor=sold.unit_price_minor,
        price_quantity_milli=sold.price_quantity_milli,
        discount_minor=part.discount_minor,
        price_rule_id=sold.price_rule_id,
        approved_by=approver,
        gross_minor=part.gross_minor,
        net_minor=part.net_minor,
        taxes=tuple(LineTax(tax.code, tax.rate_ppm, tax.amount_minor, tax.compound) for tax in part.taxes),
    )


def _tenders(
    asked: Sequence[RefundTender] | None, sale: Sale, totals: ReceiptTotals, given: Given
) -> tuple[tuple[Tender, ...], int]:
    """How the money goes back, and the rounding of its cash part. Raises `Refused`."""
    gross = totals.gross_minor
    unit = given.terms.cash_rounding_minor
    if asked is None:
        rounding = receipt_cash_rounding(gross, 0, unit)
        return (() if gross == 0 else (_cash(gross + rounding),)), rounding
    for tender in asked:
        _check_refundable(tender, sale, given)
    others = sum(tender.amount_minor for tender in asked if tender.method != "CASH")
    rounding = receipt_cash_rounding(gross, others, unit)
    together = sum(tender.amount_minor for tender in asked)
    if together != gross + rounding:
        code = "underpaid" if together < gross + rounding else "overpaid"
        raise Refused(code, "The tenders of a refund come to exactly what is given back", due_minor=gross + rounding)
    kept = () if gross == 0 and together == 0 else tuple(asked)
    return tuple(
        Tender(
            method=tender.method,
            tender_type=tender.tender_type,
            amount_minor=tender.amount_minor,
            voucher_code=tender.voucher_code,
            reference=masked(tender.reference),
        )
        for tender in kept
    ), rounding


def _check_refundable(tender: RefundTender, sale: Sale, given: Given) -> None:
    kind = tender_type(given.terms, tender.method, tender.tender_type)
    if kind is not None and not kind.refundable:
        raise Refused("unknown-tender", f"{kind.name or kind.code} is not given back", tender_type=kind.code)
    if given.terms.settings.refund_to_original_tender and given.supervisor is None:
        methods = {of.method for of in sale.tenders}
        if methods and tender.method not in methods:
            raise Refused("approval-required", "Another way than the sale was paid by needs a supervisor's approval")


def _cash(amount_minor: int) -> Tender:
    return Tender(method="CASH", amount_minor=amount_minor)
