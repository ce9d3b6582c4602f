"""Section 4 under many callers at once: no crash, repeat or race leaves an event half applied or applied twice."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.contract.independent_books import books_of
from tests.contract.independent_client import Answer, Server
from tests.contract.independent_shop import Register, Shop, make_shop, make_tenant


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as crowd:
        return [waiting.result() for waiting in [crowd.submit(call) for call in calls]]


def test_one_body_sent_eight_times_at_once_is_stored_once(shop: Shop, register: Register) -> None:
    for _ in range(5):
        register.sell(shop.wine())
    till = register.till

    answers: list[Answer] = at_once([lambda: till.send(till.journal.lines)] * 8)

    assert {answer.status for answer in answers} == {200}
    assert sum(answer.json["stored"] for answer in answers) == 5
    assert {answer.json["stored"] + answer.json["duplicates"] for answer in answers} == {5}
    assert shop.balances() == books_of(register.events)


def test_bodies_that_overlap_and_pass_each_other_are_each_line_stored_once(shop: Shop, register: Register) -> None:
    for price in range(1, 25):
        register.sell(shop.wine(price))
    lines, till = register.till.journal.lines, register.till
    spans = [(0, 9), (6, 15), (12, 24), (3, 20), (20, 24), (0, 24)]

    answers: list[Answer] = at_once([partial(till.send, lines[first:last]) for first, last in spans])

    assert {answer.status for answer in answers} == {200}
    assert sum(answer.json["stored"] for answer in answers) == 24
    assert till.position()["applied_through"] == 24
    assert shop.balances() == books_of(register.events)


def test_tills_that_void_and_refund_one_sale_at_once_agree_with_the_books(shop: Shop) -> None:
    seller = shop.register()
    sale = seller.sell(shop.wine(999, 3000))
    seller.till.push()
    others = [shop.register() for _ in range(4)]
    for number, other in enumerate(others):
        if number % 2:
            other.void(sale)
        else:
            other.refund(sale, {1: 2000})

    at_once([other.till.push for other in others])

    assert shop.balances() == books_of([event for book in [seller, *others] for event in book.events])
    raised = sorted(code for other in others for _, code in shop.codes(other.till))
    assert "already-voided" in raised
    assert "refund-exceeds-sale" in raised


def test_a_chain_and_its_clone_at_once_keep_one_and_branch_the_other(shop: Shop, register: Register) -> None:
    register.till.journal.logs(2)
    register.till.push()
    clone = register.till.journal.clone()
    for number in range(3):
        register.till.journal.log("here", number=number)
        clone.log("there", number=number)
    till = register.till

    answers: list[Answer] = at_once([partial(till.send, lines[2:]) for lines in (till.journal.lines, clone.lines)])

    assert sorted(answer.status for answer in answers) == [200, 409]
    assert till.position()["applied_through"] == 5
    assert len(shop.branches(till)) == 1


def test_each_later_entry_is_read_once_while_tills_go_on_selling(shop: Shop) -> None:
    """Whoever has read up to n never finds a smaller number later."""
    books = [shop.register() for _ in range(3)]
    for book in books:
        for _ in range(12):
            book.sell(shop.wine())
    after = 0
    seen: list[tuple[int, str]] = []

    def read() -> None:
        nonlocal after
        while True:
            entries = shop.tenant.owner.get("/v1/ledger/entries", after=after, limit=50).ok()["entries"]
            if not entries:
                return
            seen.extend((entry["entry_number"], entry["terminal_id"]) for entry in entries)
            after = entries[-1]["entry_number"]

    def sell(book: Register) -> None:
        for sequence in range(1, 13):
            book.till.push(sequence, sequence)

    with ThreadPoolExecutor(3) as crowd:
        selling = [crowd.submit(sell, book) for book in books]
        while not all(one.done() for one in selling):
            read()
        for one in selling:
            one.result()
    read()

    mine = {book.till.terminal_id for book in books}
    numbers = [number for number, terminal_id in seen if terminal_id in mine]
    assert len(numbers) == 3 * 12 * 3
    assert numbers == sorted(set(numbers))


@pytest.mark.long
def test_a_central_that_is_killed_has_kept_whatever_it_acknowledged(tmp_path_factory: pytest.TempPathFactory) -> None:
    data_dir = tmp_path_factory.mktemp("killed") / "central"
    server = Server(data_dir)
    try:
        shop = make_shop(make_tenant(server))
        book = shop.register()
        for _ in range(40):
            book.sell(shop.wine())
        acknowledged = 0
        for sequence in range(1, 31):
            acknowledged = book.till.push(sequence, sequence)["applied_through"]
        server.kill()
        server = Server(data_dir)
        book.till.client = server.client()
        book.till.sign_in()

        assert book.till.position()["applied_through"] == acknowledged == 30
        assert book.till.push()["applied_through"] == 40
        shop.tenant.server = server
        assert shop.balances() == books_of(book.events)
        assert server.command("verify").returncode == 0
    finally:
        server.stop()
