"""Every code of the contract in one table: problems that answer a request, and exceptions that people resolve.

`python -m protocol.codes` prints it.
"""

from typing import Final

from msgspec import Struct


class ProblemCode(Struct, frozen=True):
    """A code of `application/problem+json` (RFC 9457): its HTTP status and its title."""

    code: str
    status: int
    title: str


class ExceptionCode(Struct, frozen=True):
    """A code of the contract, section 9, in a sentence to the person who resolves it."""

    code: str
    meaning: str


PROBLEMS: Final[dict[str, ProblemCode]] = {
    problem.code: problem
    for problem in (
        ProblemCode("bad-cursor", 400, "The cursor is not one of this list; start again without it"),
        ProblemCode("bad-encoding", 400, "The body does not decompress; send it again whole"),
        ProblemCode("bad-request", 400, "The request cannot be read"),
        ProblemCode("unauthenticated", 401, "A valid key or token is needed"),
        ProblemCode("bad-signature", 401, "Chain-Signature is not the enrolled key's over the last line"),
        ProblemCode("invalid_client", 401, "The assertion is refused"),
        ProblemCode("forbidden", 403, "This caller may not do that"),
        ProblemCode("revoked", 403, "This terminal's enrolment was revoked; enrol it anew"),
        ProblemCode("enrolment-refused", 403, "The enrolment is refused; get a new code from the back office"),
        ProblemCode("not-found", 404, "There is no such thing"),
        ProblemCode("method-not-allowed", 405, "This path does not know that method"),
        ProblemCode("not-acceptable", 406, "None of the accepted media types can be given"),
        ProblemCode("request-timeout", 408, "The body did not arrive in time; send it again"),
        ProblemCode("chain-fork", 409, "Another event already has this sequence; enrol the terminal anew to go on"),
        ProblemCode("too-far-ahead", 409, "Too many sequences are missing before this body; send those first"),
        ProblemCode("duplicate", 409, "Something else already has this value"),
        ProblemCode("stale-revision", 409, "It was changed since; read it again"),
        ProblemCode("idempotency-in-progress", 409, "The first request with this Idempotency-Key still runs"),
        ProblemCode("nothing-in-suspense", 409, "The event has nothing in suspense to move"),
        ProblemCode("already-resolved", 409, "It was resolved before"),
        ProblemCode("in-use", 409, "Something still refers to it"),
        ProblemCode("cursor-gone", 410, "The cursor is no longer good; start again without it"),
        ProblemCode("too-large", 413, "The body is larger than it may be"),
        ProblemCode("line-too-long", 413, "A line is longer than it may be"),
        ProblemCode("unsupported-media-type", 415, "The body's type or encoding is not known here"),
        ProblemCode("bad-envelope", 422, "A line is not an event that follows the one before it"),
        ProblemCode("invalid", 422, "A field is not as it should be"),
        ProblemCode("unknown-reference", 422, "A field names something that does not exist"),
        ProblemCode("idempotency-mismatch", 422, "This Idempotency-Key came with another body before"),
        ProblemCode("rate-limited", 429, "Too many requests; wait and try again"),
        ProblemCode("branch-full", 429, "The branch holds as many lines as it may; resolve it first"),
        ProblemCode("internal", 500, "Something is wrong here, not with the request"),
        ProblemCode("overloaded", 503, "Too much to do at the moment; try again"),
        ProblemCode("database-unavailable", 503, "The database does not answer; try again"),
    )
}

EXCEPTIONS: Final[dict[str, ExceptionCode]] = {
    exception.code: exception
    for exception in (
        ExceptionCode("refund-exceeds-sale", "More was refunded than the sale has, or a line that it has not"),
        ExceptionCode("original-not-found", "The sale that a refund names did not arrive in time"),
        ExceptionCode("void-unknown-sale", "The sale or refund that a void names did not arrive in time"),
        ExceptionCode("void-after-refund", "A sale was voided after a part of it was refunded"),
        ExceptionCode("already-voided", "A sale or refund was voided twice"),
        ExceptionCode("duplicate-sale-id", "Two sales or refunds bear one id"),
        ExceptionCode("duplicate-receipt-number", "Two receipts bear one number"),
        ExceptionCode("totals-mismatch", "The figures of a receipt or a shift do not agree with each other"),
        ExceptionCode("tax-mismatch", "The tax is not what the receipt's own rates give"),
        ExceptionCode("tender-mismatch", "What was tendered is not what was due"),
        ExceptionCode("unknown-product", "A line names a product that was never in the catalogue"),
        ExceptionCode("clock-skew", "The till's clock is off by more than the bound"),
        ExceptionCode("late-for-closed-books", "An event is dated in a period whose books are closed"),
        ExceptionCode("foreign-receipt-number", "A receipt number is outside the terminal's own prefix"),
        ExceptionCode("receipt-number-gap", "A receipt number was passed over"),
        ExceptionCode("exchange-unbalanced", "The two halves of an exchange do not come to 0"),
        ExceptionCode("voucher-unknown", "A voucher was redeemed that was never sold"),
        ExceptionCode("voucher-exceeds-balance", "More was redeemed than the voucher holds"),
        ExceptionCode("foreign-void", "A receipt of another location was voided"),
        ExceptionCode("old-epoch-activity", "A replaced enrolment went on making events"),
        ExceptionCode("adopted-branch", "The event came with a branch that was adopted"),
        ExceptionCode("sequence-lost", "Sequences were declared lost"),
        ExceptionCode("after-revocation", "The event was delivered after its terminal's revocation"),
        ExceptionCode("card-number-found", "A text holds what looks like a card number"),
        ExceptionCode("unreadable", "The payload cannot be read; it is kept and books nothing"),
        ExceptionCode(
            "unknown-type", "This version of the server does not know the type; it is kept and books nothing"
        ),
    )
}


def main() -> None:
    for problem in PROBLEMS.values():
        print(f"{problem.status}  {problem.code:<26} {problem.title}")  # noqa: T201 - this is what it is for
    for exception in EXCEPTIONS.values():
        print(f"     {exception.code:<26} {exception.meaning}")  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
