"""What a terminal delivers is stored, ordered, booked and acknowledged, over HTTP (contract, section 4)."""

from typing import Any

from protocol.chain import line_hash
from tests.central.conftest import TenantFixture
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.tills import Till


def acknowledged(answer: Any, **expected: Any) -> None:
    """The members of an acknowledgement that a test names."""
    assert {name: answer[name] for name in expected} == expected, answer


async def test_a_first_body_is_stored_and_applied(till: Till) -> None:
    till.sells(3)

    status, answer, headers = await till.delivers()

    assert status == 200, answer
    assert headers["Content-Type"].startswith("application/json")
    assert answer == {
        "received": 3,
        "stored": 3,
        "duplicates": 0,
        "last_hash": line_hash(till.journal.lines[-1]),
        "applied_through": 3,
        "queued": [],
        "missing": [],
        "forked": False,
        "exceptions": [],
    }


async def test_a_repeated_body_is_counted_as_duplicates_and_changes_nothing(till: Till, tenant: TenantFixture) -> None:
    till.sells(3)
    await till.delivers()
    _, before, _ = await tenant.get("/v1/ledger/balances")

    status, answer, _ = await till.delivers()

    assert status == 200
    acknowledged(answer, received=3, stored=0, duplicates=3, applied_through=3)
    assert (await tenant.get("/v1/ledger/balances"))[1] == before


async def test_a_gap_is_queued_and_closes(till: Till) -> None:
    till.sells(10)
    await till.delivers(1, 2)
    status, answer, _ = await till.delivers(5, 6)
    assert status == 200
    acknowledged(answer, applied_through=2, queued=[[5, 6]], missing=[[3, 4]])
    status, answer, _ = await till.delivers(9, 10)
    acknowledged(answer, applied_through=2, queued=[[5, 6], [9, 10]], missing=[[3, 4], [7, 8]])
    assert (await till.position())["missing"] == [[3, 4], [7, 8]]

    status, answer, _ = await till.delivers(3, 4)

    acknowledged(answer, applied_through=6, queued=[[9, 10]], missing=[[7, 8]], forked=False)
    position = await till.position()
    assert position["applied_hash"] == line_hash(till.journal.lines[5])
    status, answer, _ = await till.delivers(5, 10)
    acknowledged(answer, stored=2, duplicates=4, applied_through=10, queued=[], missing=[])


async def test_each_line_is_kept_to_the_byte_and_its_signature_too(till: Till) -> None:
    till.sells(2)
    line = till.journal.lines[-1].replace(b'{"sequence":', b'{ "more":[1,2], "sequence":', 1)
    await till.delivers(1, 1)
    status, answer, _ = await till.sends([line])
    assert status == 200, answer

    rows = await till.rows("select line, signature from till.events where tenant_id = $1 order by sequence")

    assert rows[1]["line"] == line
    assert all(row["signature"] for row in rows)


async def test_bodies_of_many_terminals_are_merged_and_each_gets_its_own_answer(new_till: NewTill) -> None:
    tills = [(await new_till(f"Till {number}")).sells(number) for number in range(1, 6)]
    answers = [await till.delivers() for till in tills]

    for number, (status, answer, _) in enumerate(answers, start=1):
        assert status == 200
        acknowledged(answer, received=number, stored=number, applied_through=number)


async def test_a_lost_answer_loses_no_exception(till: Till) -> None:
    till.appends(till.sale_without_tender())
    status, answer, _ = await till.delivers()
    assert status == 200
    assert [found["code"] for found in answer["exceptions"]] == ["tender-mismatch"]

    _, again, _ = await till.delivers()

    assert again["exceptions"] == answer["exceptions"]
    assert again["exceptions"][0]["sequence"] == 1


async def test_events_are_listed_with_their_envelope(till: Till, tenant: TenantFixture) -> None:
    till.sells(2).logs(1, "reprint")
    await till.delivers()

    _, all_of_them, _ = await tenant.get("/v1/events")
    _, logs, _ = await tenant.get("/v1/events?type=TILL_LOG&kind=reprint")
    _, nothing, _ = await tenant.get("/v1/events?from=2020-01-01&to=2020-01-31")
    _, first, _ = await tenant.get("/v1/events?limit=2")
    _, second, _ = await tenant.get(f"/v1/events?limit=2&cursor={first['next_cursor']}")

    assert [event["sequence"] for event in all_of_them["events"]] == [1, 2, 3]
    assert [(e["type"], e["payload"]["kind"], e["branch"]) for e in logs["events"]] == [("TILL_LOG", "reprint", None)]
    assert nothing["events"] == []
    assert [e["sequence"] for e in first["events"] + second["events"]] == [1, 2, 3]
    assert (await tenant.get("/v1/events?from=2026-02-01&to=2026-01-01"))[0] == 422
