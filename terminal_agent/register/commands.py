"""What a front end may ask of a register, each as it stands in `POST /v1/commands` (contract, section 11)."""

from datetime import date
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from protocol.events import Direction, Method, amount_max

text_max: Final = 200
barcode_max: Final = 512

Minor: TypeAlias = Annotated[int, Meta(ge=0, le=amount_max)]
Milli: TypeAlias = Annotated[int, Meta(ge=1, le=amount_max)]
Ppm: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]
LineNumber: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Text: TypeAlias = Annotated[str, Meta(max_length=text_max)]
Pin: TypeAlias = Annotated[str, Meta(max_length=32)]


class Approval(Struct, frozen=True):
    """A supervisor's number and PIN."""

    number: Text
    pin: Pin


class _Command(Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=False):
    """`cart_revision` is the `revision` of the cart that a person looked at; said of another one, nothing is done."""

    command_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    cart_revision: Annotated[str, Meta(max_length=100)] | None = None


class SignIn(_Command, frozen=True, kw_only=True, tag="sign_in"):
    number: Text
    pin: Pin


class SignOut(_Command, frozen=True, kw_only=True, tag="sign_out"):
    pass


class OpenShift(_Command, frozen=True, kw_only=True, tag="open_shift"):
    float_minor: Minor = 0
    business_date: date | None = None
    approval: Approval | None = None


class CountedMethod(Struct, frozen=True):
    method: Method
    counted_minor: Minor


class CloseShift(_Command, frozen=True, kw_only=True, tag="close_shift"):
    """`denominations` maps a coin's or note's value in minor units to how many there are."""

    counted_minor: Minor | None = None
    denominations: dict[str, Annotated[int, Meta(ge=0, le=10**6)]] | None = None
    tenders: tuple[CountedMethod, ...] = ()


class MoveCash(_Command, frozen=True, kw_only=True, tag="cash_movement"):
    direction: Direction
    amount_minor: Annotated[int, Meta(ge=1, le=amount_max)]
    reason: Text | None = None


class OpenDrawer(_Command, frozen=True, kw_only=True, tag="no_sale"):
    reason: Text | None = None


class PrintX(_Command, frozen=True, kw_only=True, tag="x_report"):
    pass


class Scan(_Command, frozen=True, kw_only=True, tag="scan"):
    barcode: Annotated[str, Meta(min_length=1, max_length=barcode_max)]


class AddLine(_Command, frozen=True, kw_only=True, tag="add_line"):
    """By `sku`; with `voucher_code` a voucher worth `unit_price_minor` is sold."""

    sku: Text | None = None
    quantity_milli: Milli = 1000
    unit_price_minor: Minor | None = None
    voucher_code: Text | None = None


class ChangeQuantity(_Command, frozen=True, kw_only=True, tag="change_quantity"):
    line: LineNumber
    quantity_milli: Milli


class RemoveLine(_Command, frozen=True, kw_only=True, tag="remove_line"):
    line: LineNumber


class ConfirmAge(_Command, frozen=True, kw_only=True, tag="confirm_age"):
    line: LineNumber


class DiscountLine(_Command, frozen=True, kw_only=True, tag="discount_line"):
    line: LineNumber
    discount_minor: Minor | None = None
    percent_ppm: Ppm | None = None
    approval: Approval | None = None


class DiscountReceipt(_Command, frozen=True, kw_only=True, tag="discount_receipt"):
    discount_minor: Minor | None = None
    percent_ppm: Ppm | None = None
    approval: Approval | None = None


class OverridePrice(_Command, frozen=True, kw_only=True, tag="override_price"):
    line: LineNumber
    unit_price_minor: Minor
    price_quantity_milli: Milli | None = None
    approval: Approval | None = None


class TakeTender(_Command, frozen=True, kw_only=True, tag="tender"):
    """Without an amount: exactly what is due. `tender_type` chooses among the shop's ways of one method."""

    method: Method
    amount_minor: Minor | None = None
    tender_type: Text | None = None
    voucher_code: Text | None = None
    reference: Annotated[str, Meta(max_length=40)] | None = None


class RemoveTender(_Command, frozen=True, kw_only=True, tag="remove_tender"):
    """By its place, from 1; the last one where left out."""

    tender: LineNumber | None = None


class Cancel(_Command, frozen=True, kw_only=True, tag="cancel"):
    pass


class Park(_Command, frozen=True, kw_only=True, tag="park"):
    label: Text | None = None


class Resume(_Command, frozen=True, kw_only=True, tag="resume"):
    parked_id: UUID


class RefundPart(Struct, frozen=True, kw_only=True):
    original_line: LineNumber
    quantity_milli: Milli


class RefundTender(Struct, frozen=True, kw_only=True):
    method: Method
    amount_minor: Minor
    tender_type: Text | None = None
    voucher_code: Text | None = None
    reference: Annotated[str, Meta(max_length=40)] | None = None


class GiveBack(_Command, frozen=True, kw_only=True, tag="refund"):
    """Parts of a receipt; without `tenders` all of it in cash."""

    receipt_number: Text
    lines: Annotated[tuple[RefundPart, ...], Meta(min_length=1, max_length=500)]
    reason: Text | None = None
    tenders: Annotated[tuple[RefundTender, ...], Meta(max_length=20)] | None = None
    approval: Approval | None = None


class VoidReceipt(_Command, frozen=True, kw_only=True, tag="void"):
    receipt_number: Text
    reason: Text | None = None
    approval: Approval | None = None


class Reprint(_Command, frozen=True, kw_only=True, tag="reprint"):
    receipt_number: Text


class ConfirmPrint(_Command, frozen=True, kw_only=True, tag="confirm_print"):
    """A person's answer where the printer gave none: did the receipt come out whole?"""

    receipt_number: Text
    whole: bool


Command: TypeAlias = (
    SignIn
    | SignOut
    | OpenShift
    | CloseShift
    | MoveCash
    | OpenDrawer
    | PrintX
    | Scan
    | AddLine
    | ChangeQuantity
    | RemoveLine
    | ConfirmAge
    | DiscountLine
    | DiscountReceipt
    | OverridePrice
    | TakeTender
    | RemoveTender
    | Cancel
    | Park
    | Resume
    | GiveBack
    | VoidReceipt
    | Reprint
    | ConfirmPrint
)

COMMANDS: Final[dict[str, type[Command]]] = {
    str(command.__struct_config__.tag): command for command in Command.__args__
}
_decoder: Final[msgspec.json.Decoder[Command]] = msgspec.json.Decoder(Command)


class CommandError(ValueError):
    """A body is no command; the message says what is wrong with it."""


def read_command(body: bytes) -> Command:
    """The command that a front end sent. Raises `CommandError`."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise CommandError(str(error)[:300]) from error


def name_of(command: Command) -> str:
    return str(command.__struct_config__.tag)
