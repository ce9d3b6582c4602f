"""Section 4: no free text shows a card number but masked, and no id or code is taken for one."""

from typing import Any

import pytest

from tests.contract.independent_client import Client
from tests.contract.independent_shop import Register, Shop, tender

visa = "4111 1111 1111 1111"


def test_a_card_number_shows_nowhere_but_masked(shop: Shop, register: Register) -> None:
    bare = visa.replace(" ", "")
    sale = register.sell(shop.wine(name=f"Wine {visa}", category=visa), tenders=[tender("CARD", 999, reference=bare)])
    answers = [register.till.send(register.till.journal.lines)]
    owner: Client = shop.tenant.owner
    answers += [
        owner.get(f"/v1/receipts/{sale['receipt_number']}"),
        owner.get("/v1/exceptions", limit=1000),
    ]

    assert [one["code"] for one in answers[0].ok()["exceptions"]] == ["card-number-found"]
    assert answers[1].status == 200
    shown = b"".join(answer.body for answer in answers)
    assert bare.encode() not in shown
    assert visa.encode() not in shown


@pytest.mark.parametrize(
    "written", ["4111111111111111", "4111-1111 1111-1111", "\u0000 5500 0055 5555 5559", "\ud800 x4111111111111111"]
)
def test_the_events_show_a_card_number_only_masked(shop: Shop, register: Register, written: str) -> None:
    register.sell(shop.wine(), tenders=[tender("CARD", 999, reference=written)])
    register.till.journal.log(note=written, inner={written: [written]})
    register.till.push()

    answer = shop.tenant.owner.get("/v1/events", terminal_id=register.till.terminal_id)

    text = answer.body.decode().replace("-", "").replace(" ", "")
    assert answer.status == 200
    assert len(answer.json["events"]) == 2
    assert "4111111111111111" not in text
    assert "5500005555555559" not in text


def test_ids_and_codes_whose_digits_look_like_a_card_number_are_shown_as_they_are(
    shop: Shop, register: Register
) -> None:
    """One UUID in some six hundred holds such digits, and so does one GTIN-14 in twenty."""
    ids: dict[str, Any] = {
        "sale_id": "01a22605-7759-7151-8f30-4d0b9c14ef2e",
        "shift_id": "01a22603-3932-7053-8f99-c09bceea590b",
    }
    sale = register.sell(shop.wine(barcode="30569309025904"), **ids)
    push = register.till.push()

    receipt = shop.tenant.owner.get(f"/v1/receipts/{sale['receipt_number']}").json["receipts"][0]["payload"]
    event = shop.tenant.owner.get("/v1/events", terminal_id=register.till.terminal_id).json["events"][0]["payload"]

    assert [one["code"] for one in push["exceptions"] if one["code"] == "card-number-found"] == []
    for shown in (receipt, event):
        assert {name: shown[name] for name in ids} == ids
        assert shown["lines"][0]["barcode"] == "30569309025904"


@pytest.mark.parametrize("number", ["4111 1111 1111 1112", "1234 5678 9012 3456", "411111111111", "9" * 16])
def test_what_is_no_card_number_raises_nothing(shop: Shop, register: Register, number: str) -> None:
    register.sell(shop.wine(), tenders=[tender("CARD", 999, reference=number)])

    assert register.till.push()["exceptions"] == []
