"""Cashiers: PINs that are not easy, known to the tills of their locations alone."""

import base64
import hashlib
import hmac
from typing import Any
from uuid import UUID

import pytest
from argon2.low_level import Type, hash_secret_raw

from tests.central.conftest import TenantFixture
from tests.central.terminals_fixture import TerminalFixture, make_location, new_terminal

ANNA = {"name": "Anna", "number": "17", "pin": "2580", "role": "cashier"}


async def changes(terminal: TerminalFixture, cursor: str | None = None) -> tuple[dict[str, Any], str]:
    """What a terminal was told of cashiers, by id (None = a delete), and where it goes on."""
    told: dict[str, Any] = {}
    while True:
        query = f"?cursor={cursor}" if cursor else ""
        status, page, _ = await terminal.get(f"/v1/sync/changes{query}")
        assert status == 200, page
        told.update({it["id"]: it["data"] for it in page["changes"] if it["entity"] == "cashier"})
        cursor = page["cursor"]
        if not page["more"]:
            return told, page["cursor"]


async def test_a_cashier_is_read_back_without_anything_of_the_pin(tenant: TenantFixture) -> None:
    status, made, _ = await tenant.post("/v1/cashiers", ANNA)
    _, read, _ = await tenant.get(f"/v1/cashiers/{made['cashier_id']}")
    _, listed, _ = await tenant.get("/v1/cashiers")

    assert status == 201
    assert set(made) == {"cashier_id", "name", "number", "role", "location_ids", "created_at", "revision"}
    assert (read, listed["cashiers"]) == (made, [made])


@pytest.mark.parametrize(
    ("pin", "role"),
    [
        ("123", "cashier"),
        ("1234567890123", "cashier"),
        ("25 80", "cashier"),
        ("٢٥٨٠", "cashier"),
        ("7777", "cashier"),
        ("3456", "cashier"),
        ("6543", "cashier"),
        ("25801", "supervisor"),
        ("", "cashier"),
    ],
)
async def test_an_easy_or_malformed_pin_is_refused(tenant: TenantFixture, pin: str, role: str) -> None:
    status, problem, _ = await tenant.post("/v1/cashiers", {**ANNA, "pin": pin, "role": role})

    assert (status, problem["field"]) == (422, "pin")


async def test_a_number_is_unique_in_the_tenant_and_free_again_after_a_delete(tenant: TenantFixture) -> None:
    _, made, _ = await tenant.post("/v1/cashiers", ANNA)
    status, problem, _ = await tenant.post("/v1/cashiers", ANNA)
    assert (status, problem["type"], problem["field"]) == (409, "/problems/duplicate", "number")

    assert (await tenant.delete(f"/v1/cashiers/{made['cashier_id']}"))[0] == 204
    assert (await tenant.post("/v1/cashiers", ANNA))[0] == 201


@pytest.mark.parametrize("number", ["", "123456789", "1a", 17, "1\n"])
async def test_a_number_has_one_to_eight_digits(tenant: TenantFixture, number: object) -> None:
    status, problem, _ = await tenant.post("/v1/cashiers", {**ANNA, "number": number})

    assert (status, problem["field"]) == (422, "number")


async def test_a_till_checks_a_pin_with_its_own_key(tenant: TenantFixture, terminal: TerminalFixture) -> None:
    _, made, _ = await tenant.post("/v1/cashiers", ANNA)
    told, _ = await changes(terminal)
    pin = told[made["cashier_id"]].pop("pin")

    raw = hash_secret_raw(
        b"2580",
        base64.b64decode(pin["salt"]),
        time_cost=pin["time_cost"],
        memory_cost=pin["memory_kib"],
        parallelism=pin["parallelism"],
        hash_len=pin["hash_bytes"],
        type=Type.ID,
        version=pin["version"],
    )
    pin_key = base64.b64decode(terminal.enrolment["pin_key"])
    assert told[made["cashier_id"]] == made
    assert hmac.new(pin_key, raw, hashlib.sha256).digest() == base64.b64decode(pin["hmac"])


async def test_a_cashier_reaches_the_tills_of_their_locations_and_leaves_them_as_a_delete(
    tenant: TenantFixture, terminal: TerminalFixture, location_id: UUID
) -> None:
    other = await new_terminal(tenant, await make_location(tenant, "HH2"))
    _, made, _ = await tenant.post("/v1/cashiers", {**ANNA, "location_ids": [str(location_id)]})
    path, cashier_id = f"/v1/cashiers/{made['cashier_id']}", made["cashier_id"]
    here, cursor_here = await changes(terminal)
    there, cursor_there = await changes(other)
    assert (cashier_id in here, cashier_id in there) == (True, False)

    assert (await tenant.patch(path, {"location_ids": [str(other.location_id)]}))[0] == 200
    here, cursor_here = await changes(terminal, cursor_here)
    there, cursor_there = await changes(other, cursor_there)
    assert (here, there[cashier_id]["name"]) == ({cashier_id: None}, "Anna")

    assert (await tenant.patch(path, {"location_ids": None}))[0] == 200
    here, cursor_here = await changes(terminal, cursor_here)
    there, cursor_there = await changes(other, cursor_there)
    assert (here[cashier_id]["name"], there[cashier_id]["name"]) == ("Anna", "Anna")

    assert (await tenant.delete(path))[0] == 204
    assert (await changes(terminal, cursor_here))[0] == {cashier_id: None}
    assert (await changes(other, cursor_there))[0] == {cashier_id: None}


async def test_another_tenants_location_is_as_one_that_does_not_exist(
    tenant: TenantFixture, location_id: UUID, central: Any
) -> None:
    other = await central.tenant("Other")
    status, problem, _ = await other.post("/v1/cashiers", {**ANNA, "location_ids": [str(location_id)]})

    assert (status, problem["type"], problem["field"]) == (422, "/problems/unknown-reference", "location_ids")


async def test_who_becomes_a_supervisor_needs_a_new_pin(tenant: TenantFixture) -> None:
    _, made, _ = await tenant.post("/v1/cashiers", ANNA)
    path = f"/v1/cashiers/{made['cashier_id']}"

    status, problem, _ = await tenant.patch(path, {"role": "supervisor"})
    assert (status, problem["field"]) == (422, "pin")
    status, changed, _ = await tenant.patch(path, {"role": "supervisor", "pin": "258013", "revision": 1})
    assert (status, changed["role"], changed["revision"]) == (200, "supervisor", 2)
    assert (await tenant.patch(path, {"name": "Anne", "revision": 1}))[1]["type"] == "/problems/stale-revision"


async def test_a_manager_makes_cashiers_and_a_viewer_reads_them(tenant: TenantFixture) -> None:
    manager, viewer = await tenant.key_for("manager"), await tenant.key_for("viewer")

    assert (await viewer.post("/v1/cashiers", ANNA))[0] == 403
    assert (await manager.post("/v1/cashiers", ANNA))[0] == 201
    assert len((await viewer.get("/v1/cashiers"))[1]["cashiers"]) == 1


async def test_the_audit_of_a_cashier_bears_no_pin(tenant: TenantFixture) -> None:
    _, made, _ = await tenant.post("/v1/cashiers", ANNA)
    _, audit, _ = await tenant.get(f"/v1/audit?entity=cashier&entity_id={made['cashier_id']}")

    assert [(row["action"], row["before"], row["after"]) for row in audit["audit"]] == [("create", None, made)]
