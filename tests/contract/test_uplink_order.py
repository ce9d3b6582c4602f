"""Section 4: deduplication, the queue, gaps, lost sequences, and what a 200 promises."""

import itertools

import pytest

from tests.contract.independent_books import books_of
from tests.contract.independent_journal import sha256, signed_token
from tests.contract.independent_shop import Register, Shop, Tenant

answer_fields = {
    *("received", "stored", "duplicates", "last_hash", "applied_through", "queued", "missing", "forked", "exceptions"),
}


def test_a_200_says_what_was_received_stored_and_applied(register: Register) -> None:
    register.till.journal.logs(3)

    answer = register.till.send(register.till.journal.lines)

    assert answer.headers["content-type"].split(";")[0] == "application/json"
    assert set(answer.ok()) >= answer_fields
    assert {name: answer.json[name] for name in answer_fields} == {
        "received": 3,
        "stored": 3,
        "duplicates": 0,
        "last_hash": register.till.journal.last_hash,
        "applied_through": 3,
        "queued": [],
        "missing": [],
        "forked": False,
        "exceptions": [],
    }


def test_a_repeat_with_the_same_bytes_is_a_duplicate_and_changes_nothing(shop: Shop, register: Register) -> None:
    register.sell(shop.wine())
    register.sell(shop.wine(20))
    first = register.till.push()
    before = shop.balances()

    again = register.till.push()
    register.sell(shop.wine(30))
    half_new = register.till.push()

    assert (first["stored"], first["duplicates"]) == (2, 0)
    assert (again["received"], again["stored"], again["duplicates"]) == (2, 0, 2)
    assert again["last_hash"] == first["last_hash"]
    assert (half_new["stored"], half_new["duplicates"], half_new["applied_through"]) == (1, 2, 3)
    assert shop.balances()["cash"] == before["cash"] + 30


def test_events_after_a_gap_are_queued_and_applied_when_it_closes(shop: Shop, register: Register) -> None:
    for price in (1, 10, 100, 1000, 10_000):
        register.sell(shop.wine(price))
    register.till.push(1, 1)

    ahead = register.till.push(4, 5)
    waiting = shop.balances()["cash"]
    closing = register.till.push(2, 3)

    assert (ahead["stored"], ahead["applied_through"]) == (2, 1)
    assert (ahead["queued"], ahead["missing"], ahead["forked"]) == ([[4, 5]], [[2, 3]], False)
    assert waiting == 1
    assert (closing["applied_through"], closing["queued"], closing["missing"]) == (5, [], [])
    assert shop.balances()["cash"] == 11_111


def test_queued_and_missing_are_inclusive_ranges_from_applied_through_on(register: Register) -> None:
    register.till.journal.logs(9)
    register.till.push(1, 1)
    register.till.push(3, 3)
    register.till.push(6, 7)
    answer = register.till.push(9)

    assert answer["queued"] == [[3, 3], [6, 7], [9, 9]]
    assert answer["missing"] == [[2, 2], [4, 5], [8, 8]]
    assert register.till.position()["queued"] == answer["queued"]
    assert register.till.position()["missing"] == answer["missing"]


def test_only_the_first_hundred_ranges_are_listed(register: Register) -> None:
    till = register.till
    till.journal.logs(210)
    for sequence in range(2, 211, 2):
        answer = till.push(sequence, sequence)

    assert answer["applied_through"] == 0
    assert answer["queued"] == [[sequence, sequence] for sequence in range(2, 202, 2)]
    assert answer["missing"] == [[sequence, sequence] for sequence in range(1, 201, 2)]


def test_applied_through_is_0_before_the_first(register: Register) -> None:
    register.till.journal.logs(2)

    answer = register.till.push(2)

    assert (answer["applied_through"], answer["queued"], answer["missing"]) == (0, [[2, 2]], [[1, 1]])


@pytest.mark.parametrize("order", list(itertools.permutations(range(1, 5))), ids=str)
def test_whatever_the_order_of_the_bodies_the_books_are_the_same(
    shop: Shop, register: Register, order: tuple[int, ...]
) -> None:
    first = register.sell(shop.wine(quantity=3000))
    register.refund(first, {1: 1000})
    register.void(first)
    register.sell(shop.bread())
    for sequence in order:
        register.till.push(sequence, sequence)

    assert register.till.position()["applied_through"] == 4
    assert shop.balances() == books_of(register.events)


def test_a_repeat_answers_the_open_exceptions_of_its_lines_again(shop: Shop, register: Register) -> None:
    register.sell(shop.wine(), currency="USD")
    register.sell(shop.wine())
    first = register.till.push()

    again = register.till.push()
    beside = register.till.push(2)

    assert [one["sequence"] for one in first["exceptions"]] == [1]
    assert again["exceptions"] == first["exceptions"]
    assert set(first["exceptions"][0]) >= {"sequence", "code", "detail"}
    assert beside["exceptions"] == []


def test_the_request_that_closes_a_gap_hears_of_the_exceptions_that_it_raised(shop: Shop, register: Register) -> None:
    register.till.journal.logs(1)
    register.sell(shop.wine(), currency="USD")

    queued = register.till.push(2)
    closing = register.till.push(1, 1)

    assert queued["exceptions"] == []
    assert [one["sequence"] for one in closing["exceptions"]] == [2]


def test_an_answer_never_bears_another_terminals_exceptions(shop: Shop) -> None:
    seller, refunder = shop.register(), shop.register()
    sale = seller.sell(shop.wine())
    refunder.refund(sale, {1: 1000}, gross_minor=5)
    refunder.refund(sale, {1: 1000})
    waiting = refunder.till.push()
    seller_answer = seller.till.push()

    assert seller_answer["exceptions"] == []
    assert "refund-exceeds-sale" not in [one["code"] for one in waiting["exceptions"]]
    assert (2, "refund-exceeds-sale") in shop.codes(refunder.till)


# Lost sequences


def with_a_hole(register: Register, shop: Shop) -> Register:
    """Sales of 1, 10, 100 … cents on sequences 1 to 6, of which 3 and 4 never came."""
    for power in range(6):
        register.sell(shop.wine(10**power))
    register.till.push(1, 2)
    register.till.push(5, 6)
    return register


def test_a_declared_hole_lets_the_queue_behind_it_apply(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)

    answer = shop.declare_lost(register.till, 3, 4)

    assert answer.status == 204
    position = register.till.position()
    assert (position["applied_through"], position["queued"], position["missing"]) == (6, [], [])
    assert shop.balances()["cash"] == 110_011
    assert "sequence-lost" in [code for _, code in shop.codes(register.till)]


def test_a_hole_may_be_declared_in_parts(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)

    assert shop.declare_lost(register.till, 4, 4).status == 204
    assert register.till.position()["applied_through"] == 2
    assert shop.declare_lost(register.till, 3, 3).status == 204
    assert register.till.position()["applied_through"] == 6


@pytest.mark.parametrize(("first", "last"), [(2, 3), (4, 5), (1, 1), (7, 8), (3, 7), (5, 5), (0, 3)])
def test_what_is_not_missing_cannot_be_declared_lost(shop: Shop, register: Register, first: int, last: int) -> None:
    with_a_hole(register, shop)

    assert shop.declare_lost(register.till, first, last).status == 422
    assert register.till.position()["missing"] == [[3, 4]]


def test_the_first_of_a_lost_range_does_not_follow_the_last(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)

    assert shop.declare_lost(register.till, 4, 3).refusal == (422, "invalid")


def test_a_hole_is_not_declared_twice(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)
    shop.declare_lost(register.till, 3, 4).ok(204)

    assert shop.declare_lost(register.till, 3, 4).status == 422


def test_a_lost_run_that_turns_up_whole_is_applied_late(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)
    shop.declare_lost(register.till, 3, 4).ok(204)

    answer = register.till.push(3, 4)

    assert (answer["stored"], answer["forked"], answer["applied_through"]) == (2, False, 6)
    assert shop.balances() == books_of(register.events)


def test_a_lost_line_is_held_until_its_run_reaches_the_next_stored_line(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)
    shop.declare_lost(register.till, 3, 4).ok(204)

    held = register.till.push(3, 3)
    before = shop.balances()["cash"]
    whole = register.till.push(4, 4)

    assert (held["stored"], held["forked"]) == (1, False)
    assert before == 110_011
    assert whole["forked"] is False
    assert shop.balances()["cash"] == 111_111


def test_the_last_of_a_lost_run_waits_for_the_first(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)
    shop.declare_lost(register.till, 3, 4).ok(204)

    register.till.push(4, 4)
    before = shop.balances()["cash"]
    register.till.push(3, 3)

    assert before in {110_011, 111_011}
    assert shop.balances()["cash"] == 111_111


def test_a_lost_run_that_does_not_fit_the_next_stored_line_is_a_fork(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)
    shop.declare_lost(register.till, 3, 4).ok(204)
    other = register.till.journal.clone(2).logs(2)

    answer = register.till.send(other.lines[2:])

    assert answer.refusal == (409, "chain-fork")
    assert shop.balances()["cash"] == 110_011


def test_only_an_owner_declares_lines_lost(shop: Shop, register: Register) -> None:
    with_a_hole(register, shop)
    path = f"/v1/terminals/{register.till.terminal_id}/epochs/1/lost"

    answer = register.till.client.post(path, {"from": 3, "to": 4, "note": "mine"})

    assert answer.refusal == (403, "forbidden")
    assert register.till.position()["missing"] == [[3, 4]]


# The bound of the queue


def test_a_body_that_starts_more_than_100000_past_the_applied_is_too_far_ahead(register: Register) -> None:
    till = register.till
    till.journal.logs(1)
    till.push()
    far = till.journal.append("TILL_LOG", {"kind": "x", "data": {}}, sequence=100_002, prev="0" * 64)

    answer = till.send([far])

    assert answer.refusal == (409, "too-far-ahead")
    assert answer.json["missing"][0][0] == 2
    assert till.position()["queued"] == []


def test_a_body_that_starts_100000_past_the_applied_is_queued(register: Register) -> None:
    till = register.till
    till.journal.logs(1)
    till.push()
    far = till.journal.append(
        "TILL_LOG",
        {"kind": "x", "cashier_id": None, "shift_id": None, "data": {}},
        sequence=100_001,
        prev=sha256(b"unheard of"),
    )

    answer = till.send([far]).ok()

    assert answer["queued"] == [[100_001, 100_001]]
    assert answer["missing"] == [[2, 100_000]]


# What a caller may say of himself


def test_a_tenant_location_terminal_or_epoch_in_header_or_query_is_ignored(
    shop: Shop, register: Register, stranger: Tenant
) -> None:
    register.sell(shop.wine())
    neighbour = shop.register().till
    till = register.till
    names = {
        "X-Tenant-Id": stranger.tenant_id,
        "Tenant-Id": stranger.tenant_id,
        "X-Terminal-Id": neighbour.terminal_id,
        "X-Location-Id": stranger.location()["location_id"],
        "X-Epoch": "7",
    }

    answer = till.client.call(
        "POST",
        "/v1/sync/events",
        till.journal.lines[0],
        {
            "Content-Type": "application/x-ndjson",
            "Chain-Signature": till.journal.signature_of(till.journal.lines[0]),
            **names,
        },
        tenant_id=stranger.tenant_id,
        terminal_id=neighbour.terminal_id,
        location_id=new_location(shop),
        epoch=7,
    ).ok()

    assert answer["applied_through"] == 1
    assert shop.balances()["cash"] == 999
    assert neighbour.position()["applied_through"] == 0


def new_location(shop: Shop) -> str:
    return str(shop.tenant.location()["location_id"])


# Revocation


def test_after_a_revocation_no_request_of_the_terminal_is_served(shop: Shop, register: Register) -> None:
    till = register.till
    till.journal.logs(1)
    shop.tenant.owner.post(f"/v1/terminals/{till.terminal_id}/revocation", {}).ok(204)

    answers = [
        till.send(till.journal.lines),
        till.client.get("/v1/sync/position"),
        till.client.get("/v1/sync/changes"),
        till.client.get("/v1/products/lookup", barcode="4006381333931"),
        till.client.get("/v1/receipts/unknown"),
    ]

    assert [answer.refusal for answer in answers] == [(403, "revoked")] * 5
    assert shop.status(till) == "revoked"


def test_the_status_of_a_revoked_terminal_is_refused_as_revoked(shop: Shop, register: Register) -> None:
    shop.tenant.owner.post(f"/v1/terminals/{register.till.terminal_id}/revocation", {}).ok(204)

    assert register.till.client.post("/v1/sync/status", {}).refusal == (403, "revoked")


def test_a_revoked_epoch_gets_no_token(shop: Shop, register: Register) -> None:
    till = register.till
    shop.tenant.owner.post(f"/v1/terminals/{till.terminal_id}/revocation", {"epoch": 1}).ok(204)

    answer = till.ask_token(signed_token(till.journal.key, till.claims()))

    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def test_revoking_the_old_epoch_leaves_the_new_one_at_work(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id)
    old = shop.tenant.enrol(made["enrolment_code"])
    new = shop.tenant.enrol(shop.tenant.new_code(made["terminal_id"]))
    shop.tenant.owner.post(f"/v1/terminals/{new.terminal_id}/revocation", {"epoch": 1}).ok(204)
    old.journal.logs(1)
    new.journal.logs(1)

    assert old.send(old.journal.lines).refusal == (403, "revoked")
    assert new.push()["applied_through"] == 1
    assert shop.status(new) == "active"
