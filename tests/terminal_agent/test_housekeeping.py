"""Each hour: a journal that rots is found and shown, and what need not be kept goes, and nothing else."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.downlink import Change
from protocol.events import Payload, ShiftOpen
from protocol.uplink import Position, UplinkAnswer
from terminal_agent.answers import insert_answer
from terminal_agent.catalogue import Catalogue
from terminal_agent.chain_check import JournalBrokenError, check_chain, check_slice
from terminal_agent.clock import Clock
from terminal_agent.database import connect, transaction
from terminal_agent.housekeeping import Housekeeping, read_health
from terminal_agent.journal import Batch, Draft, Printed, Remembered
from terminal_agent.journal_reading import lines_from, read_pruned
from terminal_agent.journal_tools import export_journal, terminal_summary, verify_journal
from terminal_agent.printing.spool import printed_document
from terminal_agent.register.commands import ConfirmPrint
from terminal_agent.state_directory import StateDirectory, private_bytes
from terminal_agent.uplink import Uplink
from tests.terminal_agent.test_journal import ANSWER, NOW, TODAY, coffee, enrolled, leave_slips, open_journal

LONG_AGO = NOW - timedelta(days=401)


class Keeper:
    """A journal, its replica and its housekeeping, which waits for nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        enrolled(folder / "journal.sqlite")
        self.journal = open_journal(folder / "journal.sqlite")
        self.catalogue = Catalogue(
            folder / "catalogue.sqlite", location_id=ANSWER.location_id, enrolment="till 1", currency="EUR"
        )
        self.clock = Clock(self.journal.reader, source=lambda: NOW)
        self.clock.server_time = NOW
        self.changes = 0
        self.work = Housekeeping(self.journal, self.catalogue, self.clock, on_change=self._changed, wait=self._wait)

    async def sell(self, count: int, at: datetime = NOW, payload: Payload | None = None) -> None:
        for _ in range(count):
            self.journal.append_now(
                Batch(
                    (Draft(payload or coffee(), at, TODAY),),
                    prints=lambda events: [Printed(0, b"paper", events[0].receipt_number)],
                    remembered=Remembered(str(uuid4()), "f", lambda events: b"sold"),
                )
            )

    async def acknowledge(self, through: int, **more: Any) -> None:
        columns = {"acknowledged_through": through, **more}
        names = ", ".join(f"{name} = ?" for name in columns)
        await self.journal.write(
            lambda connection: connection.execute(f"update deliveries set {names}", (*columns.values(),))  # type: ignore[arg-type]
        )

    async def all_printed(self) -> None:
        await self.journal.write(lambda connection: leave_slips(connection, "printed"))

    def spoil(self, sequence: int) -> None:
        """One bit of a line turns."""
        position = self.journal.current.base_position + sequence
        with closing(connect(self.folder / "journal.sqlite", "FULL")) as connection, transaction(connection):
            line = bytearray(
                connection.execute("select line from journal where position = ?", (position,)).fetchone()[0]
            )
            line[-10] ^= 1
            connection.execute("update journal set line = ? where position = ?", (bytes(line), position))

    def sequences(self) -> list[int]:
        return [sequence for sequence, _, _ in lines_from(self.journal.reader, self.journal.current, 1, 10_000)]

    def count(self, table: str) -> int:
        return int(self.journal.reader.execute(f"select count(*) from {table}").fetchone()[0])

    def close(self) -> None:
        self.journal.close()
        self.catalogue.close()

    def _changed(self) -> None:
        self.changes += 1

    async def _wait(self, seconds: float) -> None:
        """Nobody else has work to do here."""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    made = Keeper(tmp_path)
    yield made
    made.close()


def verified(keeper: Keeper) -> str:
    [line] = verify_journal(StateDirectory(keeper.folder))
    return line


async def test_a_whole_journal_is_recounted_in_slices(keeper: Keeper) -> None:
    await keeper.sell(1_200)

    await keeper.work.check()

    assert keeper.work.health.fault is None
    assert keeper.changes == 0
    assert read_health(keeper.journal.reader).checked_at == "2026-11-24T12:00:00.000Z"


@pytest.mark.parametrize("sequence", [500, *(pytest.param(place, marks=pytest.mark.long) for place in (1, 501, 1_200))])
async def test_a_line_that_rots_is_found_wherever_it_stands_and_shown_in_status(keeper: Keeper, sequence: int) -> None:
    await keeper.sell(1_200)
    keeper.spoil(sequence)

    await keeper.work.check()

    assert f"sequence {sequence} of epoch 1" in (keeper.work.health.fault or "")
    assert keeper.changes == 1
    summary = terminal_summary(StateDirectory(keeper.folder))
    assert summary["journal_fault"] == keeper.work.health.fault
    keeper.spoil(sequence)  # the bit turns back
    await keeper.work.check()
    assert read_health(keeper.journal.reader).fault is None
    assert keeper.changes == 2


async def test_a_damaged_file_is_found(keeper: Keeper, tmp_path: Path) -> None:
    await keeper.sell(300)
    keeper.journal.close()
    file = tmp_path / "journal.sqlite"
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    file.write_bytes(content)
    keeper.journal = open_journal(file)
    keeper.work = Housekeeping(keeper.journal, keeper.catalogue, keeper.clock, on_change=lambda: None)

    await keeper.work.check()

    assert keeper.work.health.fault is not None
    assert "enrol into a new one" in keeper.work.health.fault


async def test_old_lines_that_central_has_go_and_the_rest_still_proves_itself(keeper: Keeper) -> None:
    await keeper.sell(450, LONG_AGO)
    await keeper.sell(10)
    await keeper.acknowledge(455)
    await keeper.all_printed()

    await keeper.work.prune()

    assert keeper.sequences() == list(range(451, 461))
    assert keeper.count("print_jobs") == 10
    assert verified(keeper).endswith("10 lines from 451 on, older ones pruned, chain whole")
    await keeper.sell(1)
    assert verified(keeper).endswith("11 lines from 451 on, older ones pruned, chain whole")
    assert keeper.journal.counters.receipts == 461
    await keeper.work.check()
    assert keeper.work.health.fault is None
    keeper.spoil(451)
    with pytest.raises(JournalBrokenError, match="sequence 451"):
        verified(keeper)


async def test_the_line_after_the_pruned_ones_cannot_be_taken_away_too(keeper: Keeper) -> None:
    await keeper.sell(20, LONG_AGO)
    await keeper.acknowledge(10)
    await keeper.work.prune()
    position = keeper.journal.current.base_position + 11
    await keeper.journal.write(
        lambda connection: connection.execute("delete from journal where position = ?", (position,))  # type: ignore[arg-type]
    )

    with pytest.raises(JournalBrokenError, match="sequence 11 of epoch 1 is missing"):
        verified(keeper)


@pytest.mark.parametrize(
    "delivery", [{"through": 0}, {"through": 20, "forked": 1}, {"through": 20, "needs_help": "central cannot read it"}]
)
async def test_what_central_may_still_want_stays(keeper: Keeper, delivery: dict[str, Any]) -> None:
    await keeper.sell(20, LONG_AGO)
    await keeper.acknowledge(**delivery)

    await keeper.work.prune()

    assert len(keeper.sequences()) == 20


async def test_the_last_line_and_the_open_shift_stay_however_old_they_are(keeper: Keeper) -> None:
    await keeper.sell(5, LONG_AGO)
    opened = ShiftOpen(shift_id=UUID(int=5), cashier_id=None, float_minor=0)
    await keeper.sell(1, LONG_AGO, opened)
    await keeper.sell(5, LONG_AGO)
    await keeper.acknowledge(11)

    await keeper.work.prune()

    assert keeper.sequences() == list(range(6, 12))


async def test_lines_of_the_last_400_days_stay(keeper: Keeper) -> None:
    await keeper.sell(5, NOW - timedelta(days=399))
    await keeper.acknowledge(5)

    await keeper.work.prune()

    assert len(keeper.sequences()) == 5


async def test_an_old_answer_to_a_persons_word_on_a_slip_is_forgotten(keeper: Keeper) -> None:
    """Any other answer goes with the line of its event."""
    for at in (LONG_AGO, NOW):
        command = ConfirmPrint(receipt_number="T1-1", whole=True, command_id=str(uuid4()))
        await keeper.journal.write(lambda connection, at=at, of=command: insert_answer(connection, of, b"seen", at))  # type: ignore[misc]

    await keeper.work.prune()

    assert keeper.count("command_results") == 1


async def test_without_the_servers_time_nothing_is_too_old(keeper: Keeper) -> None:
    """The till's own clock may be ten years ahead."""
    await keeper.sell(5, LONG_AGO)
    await keeper.acknowledge(5)
    keeper.clock.server_time = None

    await keeper.work.prune()

    assert len(keeper.sequences()) == 5


async def test_a_slip_that_waits_for_a_person_outlives_its_line(keeper: Keeper) -> None:
    await keeper.sell(3, LONG_AGO)
    await keeper.journal.write(lambda connection: leave_slips(connection, "unconfirmed"))
    await keeper.sell(2, LONG_AGO)
    await keeper.all_printed()
    await keeper.acknowledge(5)

    await keeper.work.prune()

    assert (keeper.count("journal"), keeper.count("print_jobs")) == (1, 4)
    assert printed_document(keeper.journal.reader, "T1-1") == b"paper"
    assert printed_document(keeper.journal.reader, "T1-4") is None


async def test_a_slip_that_no_printer_took_in_all_that_time_goes_with_its_line(keeper: Keeper) -> None:
    await keeper.sell(2, LONG_AGO)
    await keeper.sell(1)
    await keeper.acknowledge(3)

    await keeper.work.prune()

    assert keeper.sequences() == [3]
    assert keeper.count("queued_prints") == 1


async def test_a_recount_goes_on_while_lines_are_pruned_under_it(keeper: Keeper) -> None:
    await keeper.sell(700, LONG_AGO)
    await keeper.acknowledge(699)
    with closing(connect(keeper.folder / "journal.sqlite", "FULL")) as connection:
        half = check_slice(connection, keeper.journal.current, None)
        await keeper.work.prune()
        await keeper.sell(1)
        rest = check_slice(connection, keeper.journal.current, half)

        assert (half.through, half.is_end) == (500, False)
        assert (rest.through, rest.is_end) == (701, True)
        assert check_chain(connection, keeper.journal.current).lines == 2


async def test_an_export_holds_what_is_left(keeper: Keeper) -> None:
    directory = StateDirectory(keeper.folder)
    directory.make()
    directory.write_secret(keeper.journal.current.key_name, private_bytes(Ed25519PrivateKey.generate()))
    await keeper.sell(20, LONG_AGO)
    await keeper.acknowledge(15)
    await keeper.work.prune()

    assert export_journal(directory, keeper.folder / "out", None) == 5
    assert b'"sequence":16,' in (keeper.folder / "out").read_bytes().splitlines()[1]


def uplink_of(keeper: Keeper) -> Uplink:
    link = type("Link", (), {"enrolment": keeper.journal.current, "position": None, "position_number": 0})()
    link.forgotten = 0

    def forget_token() -> None:
        link.forgotten += 1

    link.forget_token = forget_token
    return Uplink(
        link,
        keeper.journal,
        last_sequence=lambda: keeper.journal.counters.sequence,
        patience=None,  # type: ignore[arg-type]  # nothing is waited for here
        on_change=lambda: None,
    )


@pytest.mark.parametrize(("through", "expected"), [(0, 10), (4, 10), (10, 10), (12, 12)])
async def test_a_central_that_lacks_pruned_lines_gets_what_is_left_once(
    keeper: Keeper, through: int, expected: int
) -> None:
    """Its backup was older than 400 days; the hole is its owner's to declare lost."""
    await keeper.sell(20, LONG_AGO)
    lines = lines_from(keeper.journal.reader, keeper.journal.current, 1, 20)
    hashes = {sequence: found for sequence, _, found in lines}
    await keeper.acknowledge(10)
    await keeper.work.prune()
    assert read_pruned(keeper.journal.reader, keeper.journal.current).through == 10
    uplink = uplink_of(keeper)
    uplink._link.position = Position(1, through, hashes.get(through, "0" * 64), (), (), "incarnation")
    uplink._link.position_number = 1

    uplink._take_position()

    assert uplink.delivery.acknowledged_through == expected
    missing = ((through + 1, 10),) if through < 10 else ()
    answer = UplinkAnswer(1, 1, 0, hashes[expected + 1], through, (), missing, False, ())
    uplink._take_answer(answer, 1, hashes[expected + 1])
    assert uplink._link.forgotten == 0  # type: ignore[attr-defined]


async def test_the_replica_drops_receipts_that_are_past_their_days(keeper: Keeper) -> None:
    def receipt(number: int, day: str) -> Change:
        data = {"kind": "SALE", "business_date": day, "payload": {"receipt_number": f"R-{number}"}}
        return Change("receipt", str(UUID(int=number)), "put", data)

    settings = Change("setting", "settings", "put", {"receipt_days_on_till": 30})
    receipts = [receipt(number, "2026-10-24") for number in range(300)] + [receipt(301, "2026-10-25")]
    await keeper.catalogue.apply([settings, *receipts], cursor="c", catalogue_through="t", more=False)

    await keeper.work.drop_receipts()

    assert keeper.catalogue.counts()["receipts"] == 1
    assert keeper.catalogue.receipts("R-301") != []
    keeper.clock.server_time = None
    await keeper.work.drop_receipts()


async def test_a_lock_that_is_held_is_no_damage(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def refuse(work: object) -> None:
        raise locked

    monkeypatch.setattr(keeper.work, "_read", refuse)
    with pytest.raises(sqlite3.OperationalError):
        await keeper.work.check()
    assert keeper.work.health.fault is None
