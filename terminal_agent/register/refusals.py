"""Why a command is refused: a code of the local API, and a sentence with the next step. Nothing has changed."""

from collections.abc import Mapping
from typing import Final

REFUSALS: Final[Mapping[str, str]] = {
    "not-signed-in": "Sign in first",
    "no-open-shift": "Open a shift first",
    "shift-open": "A shift is open already; close it first",
    "sale-open": "Finish, park or cancel the open sale first",
    "empty-cart": "There is nothing in the cart",
    "cart-changed": "The cart is another than the one that this was said of; look at it, then say it again",
    "cart-restored": (
        "The machine went down during this sale, and the last scans may be missing; compare the cart with the goods, "
        "then tender again"
    ),
    "tender-started": "Something was tendered already; remove the tenders first",
    "no-tender": "There is no such tender",
    "no-such-line": "There is no such line",
    "unknown-barcode": "No product has this barcode; type its number, or ask for its price",
    "unknown-product": "No product has this number",
    "price-required": "This product's price is typed in",
    "bad-amount": "The amount is not possible here",
    "bad-quantity": "The quantity is not possible here",
    "cart-full": "The sale has as many lines as one may have; finish it and begin another",
    "approval-required": "A supervisor other than the cashier must approve this",
    "approval-refused": "This number and PIN are not those of a supervisor other than the cashier",
    "age-check-required": "The customer's age must be checked first",
    "underpaid": "The tenders do not cover what is due",
    "overpaid": "More than is due can only be taken in cash",
    "unknown-tender": "This way of paying is not known here",
    "voucher-exceeds-balance": "The voucher does not hold that much, or may not be taken while offline",
    "refund-exceeds-sale": "More is to be given back than the sale has left",
    "unknown-receipt": "No receipt with this number is known here",
    "already-voided": "The receipt was voided already",
    "already-refunded": "A part of the sale was refunded; refund the rest",
    "other-shift": "Only a receipt of the open shift can be voided; refund an older one",
    "unknown-parked": "There is no such parked sale",
    "parked-full": "As many sales are parked as may be; resume or cancel one",
    "date-unlikely": "The date is before the last sale's, or far from the server's; a supervisor must approve it",
    "wrong-pin": "This number and PIN do not belong together",
    "pin-locked": "Too many wrong PINs; wait, and try again",
    "nothing-to-confirm": "No receipt of this number waits for an answer",
    "disk-full": "The disk is nearly full; free some space before the next sale",
    "journal-failed": "The journal cannot be written; nothing was kept. Call for help",
    "command-id-reused": "Another command came with this command_id",
}


class Refused(Exception):  # noqa: N818 - a refusal is an answer to a person, not a fault
    """A command that changes nothing; `code` is one of `REFUSALS`."""

    def __init__(self, code: str, detail: str | None = None, **members: object) -> None:
        assert code in REFUSALS, code
        super().__init__(detail or REFUSALS[code])
        self.code = code
        self.detail = detail or REFUSALS[code]
        self.members = members
