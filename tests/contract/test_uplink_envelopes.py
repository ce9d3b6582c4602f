"""Section 4: what makes an envelope bad, and what of a payload is never a refusal."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.independent_journal import Till
from tests.contract.independent_shop import Register, Shop, new_id, tender

Spoil = Callable[[dict[str, Any]], bytes]


def dumped(envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope).encode()


def put(**fields: Any) -> Spoil:
    return lambda envelope: dumped({**envelope, **fields})


def without(name: str) -> Spoil:
    return lambda envelope: dumped({key: value for key, value in envelope.items() if key != name})


def raw(old: str, new: str) -> Spoil:
    """Replace text of the written line, so that what no encoder writes can be sent."""

    def spoil(envelope: dict[str, Any]) -> bytes:
        text = json.dumps(envelope)
        assert old in text
        return text.replace(old, new, 1).encode()

    return spoil


def nested(levels: int) -> Any:
    """Lists in lists; `levels` of them."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def deep(levels: int) -> Spoil:
    """A line of `levels` levels in all: envelope, payload, data, and lists in it."""
    return put(payload={"kind": "x", "cashier_id": None, "shift_id": None, "data": {"deep": nested(levels - 3)}})


bad: dict[str, Spoil] = {
    "no JSON": lambda _: b"no JSON",
    "cut JSON": lambda envelope: dumped(envelope)[:-1],
    "two documents": lambda envelope: dumped(envelope) + b"{}",
    "a list": lambda envelope: b"[" + dumped(envelope) + b"]",
    "a number": lambda _: b"17",
    "null": lambda _: b"null",
    "no UTF-8": lambda envelope: dumped(envelope).replace(b"reprint", b"\xff\xfe"),
    "an overlong UTF-8 sequence": lambda envelope: dumped(envelope).replace(b"reprint", b"\xc0\xaf"),
    "a raw surrogate": lambda envelope: dumped(envelope).replace(b"reprint", b"\xed\xa0\x80"),
    "a BOM": lambda envelope: b"\xef\xbb\xbf" + dumped(envelope),
    "a raw control character": lambda envelope: dumped(envelope).replace(b"reprint", b"re\x01print"),
    "a comment": lambda envelope: dumped(envelope) + b"// so",
    "a trailing comma": lambda envelope: dumped(envelope)[:-1] + b",}",
    "NaN": raw('"version": 1', '"version": 1, "x": NaN'),
    "nested 34 deep": deep(34),
    "nested 10000 deep": lambda envelope: dumped(envelope)[:-1] + b', "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a key twice": raw('"version": 1', '"version": 1, "version": 1'),
    "a key twice by an escape": raw('"version": 1', '"version": 1, "\\u0076ersion": 1'),
    "an unknown key twice": raw('"version": 1', '"version": 1, "x": 1, "x": 1'),
    "a key twice in the payload": raw('"kind": "reprint"', '"kind": "reprint", "kind": "reprint"'),
    "a key twice deep in the payload": raw('"data": {', '"data": {"a": [{"b": 1, "b": 2}], "z": 0, '),
    "sequence 0": put(sequence=0),
    "a negative sequence": put(sequence=-1),
    "a sequence with a fraction": raw('"sequence": 2', '"sequence": 2.0'),
    "a sequence with an exponent": raw('"sequence": 2', '"sequence": 2e0'),
    "a sequence as text": put(sequence="2"),
    "a sequence that is true": put(sequence=True),
    "a sequence that is null": put(sequence=None),
    "a sequence past 2^53": put(sequence=2**53),
    "prev in capitals": lambda envelope: dumped({**envelope, "prev": envelope["prev"].upper().replace("0", "A")}),
    "prev of 63": lambda envelope: dumped({**envelope, "prev": envelope["prev"][1:]}),
    "prev of 65": lambda envelope: dumped({**envelope, "prev": envelope["prev"] + "0"}),
    "prev that is no hex": put(prev="g" * 64),
    "prev that is null": put(prev=None),
    "a type in small letters": put(type="till_log"),
    "an empty type": put(type=""),
    "a type of 65": put(type="A" * 65),
    "a type with a blank": put(type="TILL LOG"),
    "a type with a newline": put(type="TILL_LOG\n"),
    "a type that is a number": put(type=7),
    "a version as text": put(version="1"),
    "a version with a fraction": raw('"version": 1', '"version": 1.0'),
    "a version that is true": put(version=True),
    "created_at as a number": put(created_at=1_764_000_000),
    "created_at that is null": put(created_at=None),
    "business_date as a number": put(business_date=20261124),
    "a payload that is a list": put(payload=[]),
    "a payload that is text": put(payload="{}"),
    "a payload that is null": put(payload=None),
    "a clock offset as text": put(clock_offset_ms="5"),
    "no sequence": without("sequence"),
    "no prev": without("prev"),
    "no type": without("type"),
    "no version": without("version"),
    "no created_at": without("created_at"),
    "no business_date": without("business_date"),
    "no payload": without("payload"),
    "a sequence passed over": put(sequence=3),
    "a sequence again": put(sequence=1),
    "not chained to the line before": put(prev="0" * 64),
    "an empty line": lambda _: b"",
    "a line of blanks": lambda _: b"  ",
}


@pytest.mark.parametrize("spoil", bad.values(), ids=bad)
def test_a_bad_envelope_is_refused_with_its_line_and_nothing_of_the_body_is_stored(
    register: Register, spoil: Spoil
) -> None:
    till = register.till
    till.journal.logs(1)
    till.journal.append_raw(spoil(till.journal.envelope("TILL_LOG", log_payload())))
    till.journal.logs(1)

    answer = till.send(till.journal.lines)

    assert answer.refusal == (422, "bad-envelope")
    assert answer.json["line"] == 2
    assert (till.position()["applied_through"], till.position()["queued"]) == (0, [])


def log_payload() -> dict[str, Any]:
    return {"kind": "reprint", "cashier_id": None, "shift_id": None, "data": {"was": "so"}}


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n"], ids=["nothing", "a newline", "two newlines"])
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_an_empty_body_is_a_bad_envelope_whatever_its_signature(register: Register, body: bytes, signed: bool) -> None:
    if body and not signed:
        pytest.skip("only a body of nothing is free of its signature")
    headers = {} if signed else {"Chain-Signature": None}

    assert register.till.send(body, headers=headers).refusal == (422, "bad-envelope")


def test_a_bom_before_the_first_line_and_an_empty_line_after_the_last_are_named(register: Register) -> None:
    till = register.till
    lines = till.journal.logs(2).lines
    whole = b"\n".join(lines)

    with_bom = till.send(b"\xef\xbb\xbf" + whole)
    with_empty = till.send(whole + b"\n\n", headers={"Chain-Signature": till.journal.signature_of(b"")})

    assert (with_bom.refusal, with_bom.json["line"]) == ((422, "bad-envelope"), 1)
    assert (with_empty.refusal, with_empty.json["line"]) == ((422, "bad-envelope"), 3)


def test_a_line_nested_32_deep_is_taken(register: Register) -> None:
    journal = register.till.journal
    journal.append_raw(deep(32)(journal.envelope("TILL_LOG", {})))

    assert register.till.push()["exceptions"] == []


def test_unknown_fields_blanks_and_another_order_of_keys_are_taken_byte_for_byte(register: Register) -> None:
    journal = register.till.journal
    envelope = {"zebra": [1.5, None, "ü"], **journal.envelope("TILL_LOG", log_payload()), "clock_offset_ms": -40}
    text = json.dumps(dict(reversed(envelope.items())), ensure_ascii=False, separators=(" , ", "  :"))
    journal.append_raw(f"  {text}\t".encode())
    journal.logs(1)

    assert register.till.push()["last_hash"] == journal.last_hash


Change = Callable[[dict[str, Any]], Any]


def changed(*path: str | int, to: Any) -> Change:
    """Set one place in a payload; `...` takes it out."""

    def change(payload: dict[str, Any]) -> None:
        place: Any = payload
        for step in path[:-1]:
            place = place[step]
        if to is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = to

    return change


unreadable: dict[str, Change] = {
    "no sale_id": changed("sale_id", to=...),
    "a sale_id that is no UUID": changed("sale_id", to="one"),
    "no lines": changed("lines", to=...),
    "lines that are no list": changed("lines", to={}),
    "money with a fraction": changed("gross_minor", to=999.0),
    "money as text": changed("gross_minor", to="999"),
    "money that is true": changed("gross_minor", to=True),
    "money past 10^12": changed("gross_minor", to=10**12 + 1),
    "a quantity past 10^12": changed("lines", 0, "quantity_milli", to=10**12 + 1),
    "a quantity with a fraction": changed("lines", 0, "quantity_milli", to=1.5),
    "an unknown method": changed("tenders", 0, "method", to="BARTER"),
    "an unknown price_mode": changed("price_mode", to="tax_free"),
    "an unknown tax_rounding": changed("tax_rounding", to="never"),
    "an unknown kind of line": changed("lines", 0, "kind", to="service"),
    "a NUL in a name": changed("lines", 0, "name", to="W\x00ne"),
    "half a surrogate in a name": changed("lines", 0, "name", to="W\ud800ne"),
    "a line without a net": changed("lines", 0, "net_minor", to=...),
    "a tender without an amount": changed("tenders", 0, "amount_minor", to=...),
}


@pytest.mark.parametrize("change", unreadable.values(), ids=unreadable)
def test_a_payload_that_cannot_be_read_is_held_while_its_neighbours_are_booked(
    shop: Shop, register: Register, change: Change
) -> None:
    register.sell(shop.wine(100))
    payload = register.sale_payload([shop.wine(999)])
    register.receipts -= 1
    change(payload)
    register.till.journal.append("SALE", payload)
    register.sell(shop.wine(23))

    answer = register.till.push()

    assert (answer["stored"], answer["applied_through"], answer["queued"]) == (3, 3, [])
    assert [(one["sequence"], one["code"]) for one in answer["exceptions"]] == [(2, "unreadable")]
    assert shop.balances()["cash"] == 123


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", "yesterday"),
        ("created_at", "2026-02-30T10:00:00Z"),
        ("created_at", "1999-12-31T23:59:59Z"),
        ("created_at", "2100-01-01T00:00:00Z"),
        ("created_at", ""),
        ("business_date", "2026-02-30"),
        ("business_date", "24.11.2026"),
        ("business_date", "1999-12-31"),
        ("business_date", ""),
    ],
)
def test_a_date_or_time_that_cannot_be_read_is_unreadable_and_no_refusal(
    shop: Shop, register: Register, field: str, value: str
) -> None:
    register.sell(shop.wine(), envelope={field: value})
    register.sell(shop.wine(100))

    answer = register.till.push()

    assert answer["applied_through"] == 2
    assert (1, "unreadable") in [(one["sequence"], one["code"]) for one in answer["exceptions"]]
    assert shop.balances()["cash"] == 100


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("CASH_MOVEMENT", {"shift_id": None, "direction": "UP", "amount_minor": 5, "reason": "x", "cashier_id": None}),
        ("SHIFT_OPEN", {}),
        ("SHIFT_CLOSE", {"shift_id": "x"}),
        ("VOID", {"reason": "neither a sale nor a refund"}),
        ("REFUND", {"refund_id": "x"}),
    ],
)
def test_each_known_type_may_be_unreadable(shop: Shop, register: Register, type_: str, payload: Any) -> None:
    register.commit(type_, payload)

    answer = register.till.push()

    assert [(one["sequence"], one["code"]) for one in answer["exceptions"]] == [(1, "unreadable")]
    assert shop.balances() == {}


def test_a_type_or_version_that_central_does_not_know_passes_the_order(shop: Shop, register: Register) -> None:
    register.till.journal.append("LOYALTY_STAMP", {"customer": new_id()})
    register.till.journal.append("SALE", register.sale_payload([shop.wine()]), version=2)
    register.receipts -= 1
    register.sell(shop.wine(5))

    answer = register.till.push()

    assert answer["applied_through"] == 3
    assert [(one["sequence"], one["code"]) for one in answer["exceptions"]] == [
        (1, "unknown-type"),
        (2, "unknown-type"),
    ]
    assert shop.balances()["cash"] == 5


def test_a_log_of_any_kind_is_taken_in_silence(register: Register) -> None:
    register.till.journal.log("a kind of tomorrow", more=[1, 2.5, {"x": None}])

    assert register.till.push()["exceptions"] == []


def test_the_bytes_that_are_kept_are_those_that_the_token_speaks_of(register: Register) -> None:
    till: Till = register.till
    till.journal.logs(4)
    till.push()

    assert till.position()["applied_hash"] == till.journal.last_hash


def test_half_a_surrogate_beside_the_payload_hinders_no_reader(shop: Shop, register: Register) -> None:
    card = tender("CARD", 999, reference="4111111111111111")
    sale = register.sell(shop.wine(), tenders=[card], envelope={"of_tomorrow": "\ud800"})
    refund = register.refund(sale, {1: 1000}, envelope={"of_tomorrow": ["\udfff"]})
    register.till.push()

    assert shop.tenant.owner.get("/v1/events", terminal_id=register.till.terminal_id).status == 200
    assert shop.tenant.owner.get(f"/v1/receipts/{sale['receipt_number']}").status == 200
    assert shop.tenant.owner.get(f"/v1/receipts/{refund['receipt_number']}").status == 200
    assert register.till.client.get("/v1/sync/changes", limit=1000).status == 200
    assert shop.codes(register.till) == [(1, "card-number-found")]
