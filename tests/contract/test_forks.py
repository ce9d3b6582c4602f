"""Section 4: forks of each shape, the branches they become, and what an owner makes of them."""

from typing import Any

import pytest

from tests.contract.independent_books import books_of
from tests.contract.independent_client import Answer
from tests.contract.independent_journal import Till
from tests.contract.independent_shop import Register, Shop


@pytest.fixture
def original(shop: Shop, register: Register) -> Register:
    """A till with three sales applied: 1, 10 and 100 cents."""
    for price in (1, 10, 100):
        register.sell(shop.wine(price))
    register.till.push()
    return register


def cloned(register: Register, shared: int) -> Register:
    """The same disk as it was after `shared` lines, in another till of the same identity."""
    till = Till(register.till.client, register.till.identity, register.till.journal.clone(shared), register.till.code)
    return Register(till, receipts=shared)


def fork_of(answer: Answer, sequence: int) -> dict[str, Any]:
    assert answer.refusal == (409, "chain-fork")
    document: dict[str, Any] = answer.json
    assert document["sequence"] == sequence
    assert {"branch", "kept_through"} <= set(document)
    return document


def test_the_same_sequence_with_other_bytes_is_a_fork_kept_as_a_branch(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))

    answer = fork_of(clone.till.send(clone.till.journal.lines[2:]), 3)

    assert (answer["branch"], answer["kept_through"]) == (1, 3)
    assert shop.balances()["cash"] == 111
    assert shop.status(original.till) == "forked"
    assert [branch["branch"] for branch in shop.branches(original.till)] == [1]


def test_a_prev_that_does_not_match_what_is_stored_is_a_fork(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))
    clone.sell(shop.wine(8000))

    fork_of(clone.till.send(clone.till.journal.lines[3:]), 4)

    assert original.till.position()["applied_through"] == 3
    assert shop.balances()["cash"] == 111


def test_a_body_that_shares_its_first_lines_forks_at_the_first_that_differs(shop: Shop, original: Register) -> None:
    clone = cloned(original, 1)
    for price in (2000, 3000, 4000):
        clone.sell(shop.wine(price))

    answer = fork_of(clone.till.send(clone.till.journal.lines), 2)

    assert answer["kept_through"] == 4
    assert original.till.position()["applied_through"] == 3


def test_a_first_line_that_hangs_on_another_chain_is_a_fork_at_1(shop: Shop, register: Register) -> None:
    register.till.journal.append(
        "TILL_LOG", {"kind": "x", "cashier_id": None, "shift_id": None, "data": {}}, prev="0" * 64
    )

    fork_of(register.till.send(register.till.journal.lines), 1)

    assert register.till.position()["applied_through"] == 0


def test_of_a_forked_body_the_fitting_lines_before_are_stored_on_the_chain(shop: Shop, register: Register) -> None:
    for price in (1, 10, 100, 1000, 10_000):
        register.sell(shop.wine(price))
    register.till.push(1, 2)
    register.till.push(5, 5)
    clone = cloned(register, 4)
    clone.sell(shop.wine(77))

    fork_of(clone.till.send(clone.till.journal.lines[2:]), 5)

    assert register.till.position()["applied_through"] == 5
    assert shop.balances() == books_of(register.events)


def test_a_fork_sent_again_is_the_same_branch(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))

    first = fork_of(clone.till.send(clone.till.journal.lines[2:]), 3)
    again = fork_of(clone.till.send(clone.till.journal.lines[2:]), 3)

    assert (again["branch"], again["kept_through"]) == (first["branch"], first["kept_through"])
    assert len(shop.branches(original.till)) == 1


def test_a_branch_goes_on_where_it_was_kept_through(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    for price in (7000, 8000, 9000):
        clone.sell(shop.wine(price))

    first = fork_of(clone.till.send(clone.till.journal.lines[2:3]), 3)
    later = fork_of(clone.till.send(clone.till.journal.lines[3:]), 4)

    assert (first["kept_through"], later["kept_through"]) == (3, 5)
    assert later["branch"] == first["branch"]
    assert len(shop.branches(original.till)) == 1


def test_a_second_clone_is_a_second_branch(shop: Shop, original: Register) -> None:
    for price in (7000, 8000):
        clone = cloned(original, 2)
        clone.sell(shop.wine(price))
        clone.till.send(clone.till.journal.lines[2:])

    assert [branch["branch"] for branch in shop.branches(original.till)] == [1, 2]


def test_lines_that_fit_the_kept_chain_still_get_a_200_with_forked(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))
    clone.till.send(clone.till.journal.lines[2:])
    original.sell(shop.wine(1000))

    answer = original.till.push(4)

    assert (answer["stored"], answer["applied_through"], answer["forked"]) == (1, 4, True)
    assert shop.balances()["cash"] == 1111


def test_where_the_misfit_shows_when_a_gap_closes_the_queued_lines_become_the_branch(
    shop: Shop, register: Register
) -> None:
    for price in (1, 10, 100):
        register.sell(shop.wine(price))
    register.till.push(1, 1)
    clone = cloned(register, 1)
    for price in (5000, 6000, 7000, 8000):
        clone.sell(shop.wine(price))
    clone.till.send(clone.till.journal.lines[3:]).ok()

    answer = register.till.push(2, 3)

    assert (answer["applied_through"], answer["forked"]) == (3, True)
    assert (answer["queued"], answer["missing"]) == ([], [])
    assert shop.balances()["cash"] == 111
    assert [branch["branch"] for branch in shop.branches(register.till)] == [1]
    assert shop.status(register.till) == "forked"


def test_adopting_applies_the_branch_in_order_each_line_with_an_exception(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    sale = clone.sell(shop.wine(7000))
    clone.void(sale)
    clone.sell(shop.wine(500))
    clone.till.send(clone.till.journal.lines[2:])

    shop.resolve_branch(original.till, 1, "adopt")

    assert shop.balances() == books_of(original.events + clone.events)
    found = shop.exceptions(original.till)
    assert [(one["sequence"], one["code"], one["branch"]) for one in found] == [
        (sequence, "adopted-branch", 1) for sequence in (3, 4, 5)
    ]
    assert {entry["branch"] for entry in shop.entries()} == {None, 1}


def test_a_number_that_both_sides_gave_is_not_raised_on_top(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))
    clone.till.send(clone.till.journal.lines[2:])
    shop.resolve_branch(original.till, 1, "adopt")

    assert "duplicate-receipt-number" not in [code for _, code in shop.codes(original.till)]
    number = original.events[2][1]["receipt_number"]
    found = shop.tenant.owner.get(f"/v1/receipts/{number}").ok()["receipts"]
    assert sorted(one["payload"]["gross_minor"] for one in found) == [100, 7000]


def test_what_a_branch_sends_after_its_adoption_applies_at_once(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))
    clone.till.send(clone.till.journal.lines[2:])
    shop.resolve_branch(original.till, 1, "adopt")
    clone.sell(shop.wine(8000))

    fork_of(clone.till.send(clone.till.journal.lines[3:]), 4)

    assert shop.balances()["cash"] == 15_111


def test_adopted_lines_wait_for_the_line_that_they_hang_on(shop: Shop, register: Register) -> None:
    for price in (1, 10, 100, 1000):
        register.sell(shop.wine(price))
    register.till.push(1, 1)
    register.till.push(3, 4)
    clone = cloned(register, 3)
    clone.sell(shop.wine(7000))
    clone.till.send(clone.till.journal.lines[3:])

    shop.resolve_branch(register.till, 1, "adopt")
    waiting = shop.balances()["cash"]
    register.till.push(2, 2)

    assert waiting == 1
    assert shop.balances()["cash"] == 8111


def test_a_hole_in_an_adopted_branch_is_passed_over_and_what_fills_it_applies_at_once(
    shop: Shop, register: Register
) -> None:
    for price in (1, 10, 100):
        register.sell(shop.wine(price))
    register.till.push(1, 1)
    clone = cloned(register, 1)
    for price in (2000, 3000, 4000, 5000, 6000):
        clone.sell(shop.wine(price))
    clone.till.send(clone.till.journal.lines[3:4]).ok()
    clone.till.send(clone.till.journal.lines[5:]).ok()
    assert register.till.push(2, 3)["forked"] is True

    shop.resolve_branch(register.till, 1, "adopt")
    before = shop.balances()["cash"]
    fork_of(clone.till.send(clone.till.journal.lines[4:5]), 5)

    assert before == 10_111
    assert shop.balances()["cash"] == 15_111


def test_discarding_closes_the_branch_and_books_nothing(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))
    clone.till.send(clone.till.journal.lines[2:])

    shop.resolve_branch(original.till, 1, "discard")

    assert shop.balances()["cash"] == 111
    assert [branch["branch"] for branch in shop.branches(original.till)] == [1]
    fork_of(clone.till.send(clone.till.journal.lines[2:]), 3)
    assert shop.balances()["cash"] == 111


def test_an_action_that_is_neither_is_invalid_and_an_unknown_branch_is_not_found(
    shop: Shop, original: Register
) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))
    clone.till.send(clone.till.journal.lines[2:])
    path = f"/v1/terminals/{original.till.terminal_id}/branches"

    wrong = shop.tenant.owner.post(f"{path}/1/resolution", {"action": "merge", "note": "x"})
    unknown = shop.tenant.owner.post(f"{path}/2/resolution", {"action": "adopt", "note": "x"})

    assert (wrong.refusal, wrong.json["field"]) == ((422, "invalid"), "action")
    assert unknown.refusal == (404, "not-found")


def test_a_till_never_resolves_a_branch(shop: Shop, original: Register) -> None:
    path = f"/v1/terminals/{original.till.terminal_id}/branches/1/resolution"

    assert original.till.client.post(path, {"action": "adopt", "note": "mine"}).refusal == (403, "forbidden")


def test_a_body_beyond_a_forked_chain_of_the_clone_is_kept_with_its_neighbours(shop: Shop, original: Register) -> None:
    """The clone's later bodies land on the clone's branch, never between the lines of the chain."""
    clone = cloned(original, 2)
    for price in (7000, 8000):
        clone.sell(shop.wine(price))
    clone.till.send(clone.till.journal.lines[2:3])
    original.sell(shop.wine(1000))
    original.till.push(4)

    fork_of(clone.till.send(clone.till.journal.lines[3:]), 4)

    assert len(shop.branches(original.till)) == 1
    shop.resolve_branch(original.till, 1, "adopt")
    assert shop.balances() == books_of(original.events + clone.events)


def test_adopting_twice_or_discarding_what_was_adopted_books_nothing_more(shop: Shop, original: Register) -> None:
    clone = cloned(original, 2)
    clone.sell(shop.wine(7000))
    clone.till.send(clone.till.journal.lines[2:])
    shop.resolve_branch(original.till, 1, "adopt")
    before = shop.balances()
    path = f"/v1/terminals/{original.till.terminal_id}/branches/1/resolution"
    for action in ("adopt", "discard"):
        assert shop.tenant.owner.post(path, {"action": action, "note": "again"}).status in {204, 409}

    assert shop.balances() == before


def test_a_forked_body_shows_the_next_position_of_the_chain_and_not_of_the_branch(
    shop: Shop, original: Register
) -> None:
    clone = cloned(original, 2)
    for price in (7000, 8000):
        clone.sell(shop.wine(price))
    clone.till.send(clone.till.journal.lines[2:])

    position = original.till.position()

    assert (position["applied_through"], position["applied_hash"]) == (3, original.till.journal.last_hash)
    assert (position["queued"], position["missing"]) == ([], [])


def test_a_refund_of_an_adopted_sale_is_checked_against_it(shop: Shop, original: Register) -> None:
    clone, other = cloned(original, 2), shop.register()
    sale = clone.sell(shop.wine(7000))
    other.refund(sale, {1: 1000})
    other.refund(sale, {1: 1000})
    other.till.push()
    clone.till.send(clone.till.journal.lines[2:])
    assert shop.codes(other.till) == []

    shop.resolve_branch(original.till, 1, "adopt")

    assert shop.codes(other.till) == [(2, "refund-exceeds-sale")]
    assert shop.balances() == books_of(original.events + clone.events + other.events)


def test_a_branch_of_a_branch_is_a_branch_too(shop: Shop, original: Register) -> None:
    """A clone that is cloned: each of the three journals keeps its own lines, and each is adopted by itself."""
    first = cloned(original, 2)
    first.sell(shop.wine(7000))
    second = cloned(first, 3)
    first.sell(shop.wine(8000))
    second.sell(shop.wine(9000))
    fork_of(first.till.send(first.till.journal.lines[2:]), 3)

    fork_of(second.till.send(second.till.journal.lines[2:]), 3)

    assert len(shop.branches(original.till)) == 2
    for branch in (1, 2):
        shop.resolve_branch(original.till, branch, "adopt")
    assert shop.balances()["cash"] in {111 + 7000 + 8000 + 9000, 111 + 7000 + 8000 + 7000 + 9000}
