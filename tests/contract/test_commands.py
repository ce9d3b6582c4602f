"""Section 10: the operator's commands on a data directory that a server is at work on."""

from pathlib import Path

import pytest

from tests.contract.independent_client import Server, till_central
from tests.contract.independent_shop import Register, Shop, make_shop, make_tenant, tender


def test_verify_finds_nothing_off_after_forks_holes_voids_and_exceptions(
    server: Server, shop: Shop, register: Register
) -> None:
    for price in (1, 10, 100, 1000):
        register.sell(shop.wine(price))
    register.void(register.events[0][1])
    register.sell(shop.wine(), tenders=[tender("CARD", 900)])
    register.till.push(1, 3)
    register.till.push(5, 6)
    shop.declare_lost(register.till, 4, 4).ok(204)
    clone = register.till.journal.clone(2).logs(3)
    register.till.send(clone.lines[2:])
    shop.resolve_branch(register.till, 1, "adopt")

    done = server.command("verify")

    assert done.returncode == 0, done.stderr + done.stdout


def test_a_second_server_on_one_data_directory_says_so_and_exits(server: Server) -> None:
    done = till_central("serve", "--listen", "127.0.0.1:0", "--data-dir", str(server.data_dir))

    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert server.client().get("/healthz").status == 200


def test_a_currency_that_is_none_is_refused_in_one_line(server: Server) -> None:
    done = server.command("tenant", "create", "X", "--currency", "XYZ1", "--json")

    assert done.returncode in {1, 2}
    assert done.stdout == ""


@pytest.mark.long
def test_after_a_restore_incarnation_epochs_and_entry_numbers_are_new(tmp_path: Path) -> None:
    server = Server(tmp_path / "central")
    try:
        shop = make_shop(make_tenant(server))
        made = shop.tenant.terminal(shop.location_id)
        till = shop.tenant.enrol(made["enrolment_code"])
        book = Register(till)
        book.sell(shop.wine())
        before = till.position()["incarnation"]
        till.push()
        cursor = till.client.get("/v1/sync/changes").ok()["cursor"]
        last = max(entry["entry_number"] for entry in shop.entries())

        assert server.command("after-restore").returncode == 0

        till.sign_in()
        assert till.position()["incarnation"] != before
        assert till.client.get("/v1/sync/changes", cursor=cursor).refusal == (410, "cursor-gone")
        book.sell(shop.wine())
        till.push(2)
        assert max(entry["entry_number"] for entry in shop.entries()) > last + 1_000_000
        assert shop.tenant.enrol(shop.tenant.new_code(made["terminal_id"])).epoch > 1_000_000
    finally:
        server.stop()
