"""Decisions on the open sale: what comes into the cart, what goes out, what it costs."""

from collections.abc import Sequence

import msgspec

from protocol.events import amount_max
from terminal_agent.register.approvals import approved_by, check_discount, check_line
from terminal_agent.register.cart import line_of, receipt_discount_minor, replaced, reprice, with_lines
from terminal_agent.register.commands import (
    AddLine,
    Cancel,
    ChangeQuantity,
    ConfirmAge,
    DiscountLine,
    DiscountReceipt,
    OverridePrice,
    Park,
    RemoveLine,
    Resume,
    Scan,
)
from terminal_agent.register.decision import entry_of_log, masked
from terminal_agent.register.events import CartChanged, ParkedChanged, RegisterEvent
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import (
    Cart,
    CartLine,
    ParkedSale,
    ReceiptDiscount,
    RegisterState,
    cart_lines_max,
    parked_max,
)
from terminal_agent.register.terms import Given, Sellable

Events = Sequence[RegisterEvent]


def scan(state: RegisterState, command: Scan, given: Given) -> Events:
    if given.sellable is None:
        raise Refused("unknown-barcode", barcode=command.barcode)
    if given.sellable.open_price and not given.sellable.price_inside:
        raise Refused("price-required", sku=given.sellable.sku)
    return _added(state, given, given.sellable, given.sellable.quantity_milli)


def add_line(state: RegisterState, command: AddLine, given: Given) -> Events:
    if command.voucher_code is not None:
        return _voucher(state, command, given)
    if given.sellable is None:
        raise Refused("unknown-product", sku=command.sku)
    sellable = given.sellable
    if not sellable.open_price:
        return _added(state, given, sellable, command.quantity_milli)
    if command.unit_price_minor is None:
        raise Refused("price-required", sku=sellable.sku)
    sellable = msgspec.structs.replace(sellable, list_price_minor=command.unit_price_minor, price_inside=True)
    return _added(state, given, sellable, command.quantity_milli)


def change_quantity(state: RegisterState, command: ChangeQuantity, given: Given) -> Events:
    cart = _cart(state)
    line = line_of(cart, command.line)
    if line.kind == "voucher" and command.quantity_milli != line.quantity_milli:
        raise Refused("bad-quantity", "A voucher is one; sell another one on its own line")
    changed = msgspec.structs.replace(line, quantity_milli=command.quantity_milli)
    return [_changed(state, given, replaced(cart, changed))]


def remove_line(state: RegisterState, command: RemoveLine, given: Given) -> Events:
    cart = _cart(state)
    line = line_of(cart, command.line)
    left = [other for other in cart.lines if other.line != line.line]
    trace = {
        "cart_id": str(cart.cart_id),
        "line": line.line,
        "sku": line.sku,
        "quantity_milli": line.quantity_milli,
        "amount_minor": line.amount_minor,
    }
    log = entry_of_log(state, given, "line_removed", trace)
    return [log, _changed(state, given, left) if left else CartChanged(None)]


def confirm_age(state: RegisterState, command: ConfirmAge, given: Given) -> Events:
    cart = _cart(state)
    line = line_of(cart, command.line)
    if line.age_min is None:
        raise Refused("no-such-line", "This line needs no age", line=command.line)
    confirmed = msgspec.structs.replace(line, age_confirmed=True)
    return [CartChanged(msgspec.structs.replace(cart, lines=tuple(replaced(cart, confirmed))))]


def discount_line(state: RegisterState, command: DiscountLine, given: Given) -> Events:
    cart = _cart(state)
    if (command.discount_minor is None) == (command.percent_ppm is None):
        raise Refused("bad-amount", "A discount is either an amount or a percentage")
    line = line_of(cart, command.line)
    if line.kind == "voucher":
        raise Refused("bad-amount", "A voucher is sold for what it is worth")
    approver = approved_by(state, given)
    changed = msgspec.structs.replace(
        line,
        own_discount_minor=command.discount_minor,
        own_discount_ppm=command.percent_ppm,
        approved_by=approver,
    )
    return [_checked(state, given, changed)]


def override_price(state: RegisterState, command: OverridePrice, given: Given) -> Events:
    line = line_of(_cart(state), command.line)
    if line.kind == "voucher":
        raise Refused("bad-amount", "A voucher is sold for what it is worth")
    changed = msgspec.structs.replace(
        line,
        own_price_minor=command.unit_price_minor,
        own_price_quantity_milli=command.price_quantity_milli,
        approved_by=approved_by(state, given),
    )
    return [_checked(state, given, changed)]


def discount_receipt(state: RegisterState, command: DiscountReceipt, given: Given) -> Events:
    """In place of an earlier one; neither amount nor percentage takes it away."""
    cart = _cart(state)
    discount = None
    if command.discount_minor is not None or command.percent_ppm is not None:
        approver = approved_by(state, given)
        discount = ReceiptDiscount(command.discount_minor, command.percent_ppm, approver)
        without, _ = reprice(cart.lines, None, given.terms, given.at)
        amount_minor = sum(line.amount_minor for line in without if line.kind == "product")
        check_discount(given, receipt_discount_minor(discount, amount_minor), amount_minor, approver)
    return [_changed(state, given, cart.lines, msgspec.structs.replace(cart, discount=discount))]


def cancel(state: RegisterState, command: Cancel, given: Given) -> Events:
    cart = _cart(state)
    trace = {"cart_id": str(cart.cart_id), "lines": len(cart.lines), "gross_minor": cart.totals.gross_minor}
    return [entry_of_log(state, given, "sale_cancelled", trace), CartChanged(None)]


def park(state: RegisterState, command: Park, given: Given) -> Events:
    if len(state.parked) >= parked_max:
        raise Refused("parked-full")
    cart = _cart(state)
    parked = ParkedSale(given.ids(), masked(command.label), given.at, cart)
    trace = {"parked_id": str(parked.parked_id), "lines": len(cart.lines), "gross_minor": cart.totals.gross_minor}
    return [
        entry_of_log(state, given, "sale_parked", trace),
        ParkedChanged((*state.parked, parked)),
        CartChanged(None),
    ]


def resume(state: RegisterState, command: Resume, given: Given) -> Events:
    for parked in state.parked:
        if parked.parked_id == command.parked_id:
            others = tuple(other for other in state.parked if other is not parked)
            return [ParkedChanged(others), _changed(state, given, parked.cart.lines, parked.cart)]
    raise Refused("unknown-parked")


def _cart(state: RegisterState) -> Cart:
    assert state.cart is not None, "the table of states admits this command with a cart alone"
    return state.cart


def _changed(
    state: RegisterState,
    given: Given,
    lines: Sequence[CartLine],
    cart: Cart | None = None,
    next_line: int | None = None,
) -> CartChanged:
    """The cart with these lines, priced anew. Raises `Refused` where its total is beyond all amounts."""
    changed = with_lines(cart or _cart(state), lines, given.terms, given.at, next_line)
    if abs(changed.totals.gross_minor) > amount_max or any(abs(line.undiscounted_minor) > amount_max for line in lines):
        raise Refused("bad-amount", "The total is larger than any amount may be")
    return CartChanged(changed)


def _checked(state: RegisterState, given: Given, line: CartLine) -> CartChanged:
    """The cart with a line changed by hand, if the line may give away so much."""
    cart = _cart(state)
    without = msgspec.structs.replace(cart, discount=None)
    priced = with_lines(without, replaced(cart, line), given.terms, given.at)
    check_line(given, line_of(priced, line.line), line.approved_by)
    return _changed(state, given, replaced(cart, line))


def _added(state: RegisterState, given: Given, sellable: Sellable, quantity_milli: int) -> Events:
    cart = state.cart
    lines = cart.lines if cart is not None else ()
    if len(lines) >= cart_lines_max:
        raise Refused("cart-full")
    number = cart.next_line if cart is not None else 1
    line = CartLine(
        line=number,
        kind=sellable.kind,
        product_id=sellable.product_id,
        sku=sellable.sku,
        name=sellable.name,
        category=sellable.category,
        barcode=sellable.barcode,
        unit=sellable.unit,
        quantity_milli=quantity_milli,
        list_price_minor=sellable.list_price_minor,
        price_quantity_milli=sellable.price_quantity_milli,
        rule_quantity_milli=sellable.rule_quantity_milli,
        taxes=sellable.taxes,
        age_min=sellable.age_min,
        price_inside=sellable.price_inside,
        lot=sellable.lot,
        expires=sellable.expires,
        serial=sellable.serial,
    )
    if cart is None:
        priced, totals = reprice([line], None, given.terms, given.at)
        if abs(totals.gross_minor) > amount_max:
            raise Refused("bad-amount", "The total is larger than any amount may be")
        return [CartChanged(Cart(given.ids(), given.at, priced, totals, number + 1))]
    return [_changed(state, given, [*lines, line], next_line=number + 1)]


def _voucher(state: RegisterState, command: AddLine, given: Given) -> Events:
    """A voucher worth `unit_price_minor`; it bears no tax and no discount."""
    if not command.unit_price_minor:
        raise Refused("price-required", "Say what the voucher is worth")
    if state.cart is not None and any(line.barcode == command.voucher_code for line in state.cart.lines):
        raise Refused("bad-quantity", "This voucher stands in the cart already")
    sellable = Sellable(
        kind="voucher",
        product_id=None,
        sku=command.sku,
        name="Voucher",
        barcode=command.voucher_code,
        list_price_minor=command.unit_price_minor,
        price_inside=True,
    )
    return _added(state, given, sellable, 1000)
