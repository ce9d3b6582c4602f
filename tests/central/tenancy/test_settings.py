"""Settings: defaults, a tenant's own, a location's overrides, and what is kept of changes."""

import pytest

from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import TerminalFixture, location_id, make_location, terminal

__all__ = ["location_id", "terminal"]


async def test_settings_start_with_every_field_of_the_contract(tenant: TenantFixture) -> None:
    status, settings, _ = await tenant.get("/v1/settings")

    assert status == 200
    assert set(settings) == {
        "price_mode",
        "tax_rounding",
        "cash_rounding_minor",
        "refund_window_days",
        "receipt_days_on_till",
        "refund_needs_supervisor",
        "offline_refund_limit_minor",
        "refund_without_receipt_max_minor",
        "discount_max_ppm",
        "voucher_offline_max_minor",
        "original_wait_hours",
        "clock_skew_seconds_max",
        "books_closed_through",
        "refund_to_original_tender",
        "tender_types",
        "reasons",
        "quick_keys",
        "in_store_barcodes",
        "overridden",
        "revision",
    }


async def test_null_brings_the_default_back_and_absent_leaves(tenant: TenantFixture) -> None:
    _, start, _ = await tenant.get("/v1/settings")
    await tenant.patch("/v1/settings", {"price_mode": "tax_exclusive", "cash_rounding_minor": 5})
    _, settings, _ = await tenant.patch("/v1/settings", {"price_mode": None, "nonsense": 1})

    assert (settings["price_mode"], settings["cash_rounding_minor"]) == (start["price_mode"], 5)
    assert (settings["overridden"], settings["revision"]) == (["cash_rounding_minor"], 2)


async def test_a_location_overrides_its_tenant_until_it_is_cleared(tenant: TenantFixture) -> None:
    path = f"/v1/locations/{await make_location(tenant)}/settings"
    await tenant.patch("/v1/settings", {"discount_max_ppm": 100_000, "refund_window_days": 14})
    _, overridden, _ = await tenant.patch(path, {"discount_max_ppm": 50_000})
    _, cleared, _ = await tenant.patch(path, {"discount_max_ppm": None})

    assert (overridden["discount_max_ppm"], overridden["refund_window_days"]) == (50_000, 14)
    assert (overridden["overridden"], cleared["discount_max_ppm"]) == (["discount_max_ppm"], 100_000)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"price_mode": "free"}, "price_mode"),
        ({"cash_rounding_minor": 0}, "cash_rounding_minor"),
        ({"discount_max_ppm": 1_000_001}, "discount_max_ppm"),
        ({"offline_refund_limit_minor": 10**12 + 1}, "offline_refund_limit_minor"),
        ({"offline_refund_limit_minor": 1.0}, "offline_refund_limit_minor"),
        ({"refund_to_original_tender": 1}, "refund_to_original_tender"),
        ({"books_closed_through": "2026-02-30"}, "books_closed_through"),
        ({"books_closed_through": "1999-12-31"}, "books_closed_through"),
        ({"tender_types": [{"code": "A", "name": "A", "method": "GOLD"}]}, "tender_types[].method"),
        ({"tender_types": [{"code": "A", "name": "A", "method": "CASH"}] * 2}, "tender_types"),
        ({"reasons": {"refund": [{"code": "x"}]}}, "reasons[][].text"),
        (
            {"in_store_barcodes": [{"prefix": "2x", "value": "price", "item_digits": 5, "value_digits": 5}]},
            "in_store_barcodes[].prefix",
        ),
        (
            {
                "in_store_barcodes": [
                    {"prefix": "20", "value": "price", "item_digits": 6, "value_digits": 5, "decimals": 2}
                ]
            },
            "in_store_barcodes[0]",
        ),
    ],
)
async def test_a_bad_setting_is_refused_with_its_field_and_changes_nothing(
    tenant: TenantFixture, patch: dict[str, object], field: str
) -> None:
    _, before, _ = await tenant.get("/v1/settings")
    status, problem, _ = await tenant.patch("/v1/settings", patch)
    _, after, _ = await tenant.get("/v1/settings")

    assert (status, problem["type"]) == (422, "/problems/invalid")
    assert problem["field"].replace("[0]", "[]") == field.replace("[0]", "[]")
    assert before == after


async def test_a_stale_revision_is_refused(tenant: TenantFixture) -> None:
    await tenant.patch("/v1/settings", {"refund_window_days": 1, "revision": 0})
    status, problem, _ = await tenant.patch("/v1/settings", {"refund_window_days": 2, "revision": 0})

    assert (status, problem["type"]) == (409, "/problems/stale-revision")


async def test_another_tenants_location_answers_as_one_that_does_not_exist(
    central: Central, tenant: TenantFixture
) -> None:
    location = await make_location(tenant)
    other = await central.tenant("Other")
    foreign = await other.get(f"/v1/locations/{location}/settings")
    unknown = await other.get("/v1/locations/01890000-0000-7000-8000-000000000000/settings")

    assert foreign[:2] == unknown[:2]
    assert foreign[0] == 404
    assert (await other.patch(f"/v1/locations/{location}/settings", {}))[0] == 404


async def test_an_owner_alone_changes_settings(tenant: TenantFixture) -> None:
    manager = await tenant.key_for("manager")

    assert [(await manager.get("/v1/settings"))[0], (await manager.patch("/v1/settings", {}))[0]] == [200, 403]


async def test_a_terminal_gets_the_settings_of_its_location(tenant: TenantFixture, terminal: TerminalFixture) -> None:
    await tenant.patch("/v1/settings", {"refund_window_days": 14})
    await tenant.patch(f"/v1/locations/{terminal.location_id}/settings", {"cash_rounding_minor": 5})
    _, first, _ = await terminal.get("/v1/sync/changes")
    told = [change for change in first["changes"] if change["entity"] == "setting"]
    await tenant.patch("/v1/settings", {"refund_window_days": 7})
    _, later, _ = await terminal.get(f"/v1/sync/changes?cursor={first['cursor']}")

    assert [(change["id"], change["op"]) for change in told] == [("settings", "put")]
    assert (told[0]["data"]["cash_rounding_minor"], told[0]["data"]["refund_window_days"]) == (5, 14)
    assert told[0]["data"]["location"]["timezone"] == "Europe/Berlin"
    assert [change["data"]["refund_window_days"] for change in later["changes"]] == [7]


async def test_the_audit_keeps_who_changed_what_before_and_after(tenant: TenantFixture) -> None:
    await tenant.patch("/v1/settings", {"refund_window_days": 7})
    _, audit, _ = await tenant.get("/v1/audit?entity=settings")

    row = audit["audit"][0]
    assert (row["action"], row["before"], row["after"]) == (
        "change",
        {"refund_window_days": 30},
        {"refund_window_days": 7},
    )
    assert (row["actor"]["kind"], row["actor"]["role"]) == ("api_key", "owner")
