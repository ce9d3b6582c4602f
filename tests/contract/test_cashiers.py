"""Section 2 and 12: cashiers, whose PINs no answer to an API key bears."""

from typing import Any

import pytest

from tests.contract.independent_shop import Tenant, new_id


def cashier_body(**fields: Any) -> dict[str, Any]:
    return {"name": "Ann", "number": str(int(new_id()[:8], 16))[:8], "pin": "4831", "role": "cashier", **fields}


def test_no_answer_to_an_api_key_bears_anything_of_a_pin(tenant: Tenant) -> None:
    made = tenant.owner.post("/v1/cashiers", cashier_body(pin="48316"))
    shown = [
        made,
        tenant.owner.get(f"/v1/cashiers/{made.ok(201)['cashier_id']}"),
        tenant.owner.get("/v1/cashiers", limit=1000),
        tenant.owner.get("/v1/audit", limit=100),
    ]

    for answer in shown:
        assert b"48316" not in answer.body
        assert b"argon2" not in answer.body
        assert b"hmac" not in answer.body
        assert b'"salt"' not in answer.body


@pytest.mark.parametrize(
    ("pin", "role"),
    [
        ("483", "cashier"),
        ("4831483148314", "cashier"),
        ("48a1", "cashier"),
        ("1111", "cashier"),
        ("1234", "cashier"),
        ("9876", "cashier"),
        ("48315", "supervisor"),
        ("123456", "supervisor"),
        ("777777", "supervisor"),
        ("٤٨٣١", "cashier"),
        (4831, "cashier"),
    ],
)
def test_a_pin_that_is_short_or_trivial_is_invalid(tenant: Tenant, pin: Any, role: str) -> None:
    answer = tenant.owner.post("/v1/cashiers", cashier_body(pin=pin, role=role))

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == "pin"
    if isinstance(pin, str) and len(pin) > 3:
        assert pin not in answer.json["detail"]


def test_a_cashiers_number_is_1_to_8_digits_and_unique(tenant: Tenant, stranger: Tenant) -> None:
    body = cashier_body()
    tenant.owner.post("/v1/cashiers", body).ok(201)

    again = tenant.owner.post("/v1/cashiers", body)

    assert (again.refusal, again.json["field"]) == ((409, "duplicate"), "number")
    assert stranger.owner.post("/v1/cashiers", body).status == 201
    for number in ("", "123456789", "12a", 12):
        assert tenant.owner.post("/v1/cashiers", cashier_body(number=number)).refusal == (422, "invalid")


def test_a_supervisor_with_a_pin_of_six_is_made(tenant: Tenant) -> None:
    assert tenant.owner.post("/v1/cashiers", cashier_body(pin="483157", role="supervisor")).status == 201
