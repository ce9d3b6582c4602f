"""A journal that comes in a file is taken as if its terminal had delivered it (contract, section 4)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.uplink.courier import CourierError, import_journal
from protocol.chain import line_hash, public_key_text
from protocol.journal_file import (
    JournalHeader,
    SectionSignature,
    cut_sections,
    read_header,
    write_header,
)
from tests.central.conftest import Central, TenantFixture
from tests.central.uplink.tills import Till


def header_of(till: Till, lines: list[bytes]) -> JournalHeader:
    signatures = []
    done = 0
    for count in cut_sections(map(len, lines)):
        done += count
        signatures.append(SectionSignature(count, till.journal.signature(lines[done - 1])))
    return JournalHeader(
        terminal_id=till.terminal_id,
        epoch=till.journal.epoch,
        public_key=public_key_text(till.terminal.private_key),
        signatures=tuple(signatures),
    )


async def test_a_journal_in_a_file_is_taken_whole(central: Central, till: Till, tmp_path: Path) -> None:
    till.sells(1).logs(1_200).sells(1)
    await till.delivers(1, 5)
    file = tmp_path / "journal"
    file.write_bytes(write_header(header_of(till, till.journal.lines)) + b"\n".join(till.journal.lines) + b"\n")

    with file.open("rb") as lines:
        imported = await import_journal(central.services, read_header(lines.readline()), lines)

    assert (imported.lines, imported.stored, imported.duplicates) == (1_202, 1_197, 5)
    assert imported.applied_through == 1_202
    assert (await till.position())["applied_hash"] == line_hash(till.journal.lines[-1])


async def test_a_revoked_terminal_s_facts_come_by_courier_and_are_marked(
    central: Central, till: Till, tenant: TenantFixture
) -> None:
    till.sells(2)
    await till.delivers(1, 1)
    await tenant.post(f"/v1/terminals/{till.terminal_id}/revocation", {})
    assert (await till.delivers(2, 2))[0] == 403

    imported = await import_journal(central.services, header_of(till, till.journal.lines), till.journal.lines)

    assert (imported.stored, imported.duplicates, imported.applied_through) == (1, 1, 2)
    rows = await till.rows("select sequence, code from till.exceptions where tenant_id = $1")
    assert [(row["sequence"], row["code"]) for row in rows] == [(2, "after-revocation")]
    _, ledger, _ = await tenant.get("/v1/ledger/balances")
    assert {row["account"]: row["amount_minor"] for row in ledger["balances"]}["cash"] == 2 * 700


async def test_a_courier_who_changes_a_line_is_found_out(central: Central, till: Till) -> None:
    till.sells(3)
    header = header_of(till, till.journal.lines)
    changed = [*till.journal.lines[:1], till.journal.lines[1].replace(b"COFFEE", b"TOFFEE"), till.journal.lines[2]]

    with pytest.raises(CourierError, match="not as the terminal signed them"):
        await import_journal(central.services, header, changed)
    with pytest.raises(CourierError, match="not as the terminal signed them"):
        await import_journal(central.services, header, [*till.journal.lines[:2], b"{}"])

    assert await till.rows("select 1 from till.events where tenant_id = $1") == []


async def test_a_fork_in_a_file_is_kept_as_a_branch(central: Central, till: Till) -> None:
    till.sells(2)
    clone = till.clone()
    till.sells(1, name="TEA")
    clone.sells(2, name="WINE")
    await till.delivers()

    imported = await import_journal(central.services, header_of(clone, clone.journal.lines), clone.journal.lines)

    assert (imported.forked, imported.branch) == (4, 1)
    rows = await till.rows("select sequence from till.events where tenant_id = $1 and branch = 1 order by 1")
    assert [row["sequence"] for row in rows] == [3, 4]


async def test_an_epoch_that_a_backup_does_not_know_needs_an_owner_s_word(
    central: Central, till: Till, tenant: TenantFixture
) -> None:
    later = till.clone()
    later.journal.epoch = 2
    later.journal.private_key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    later.terminal.private_key = later.journal.private_key
    later.journal.__post_init__()
    later.journal.at = datetime.now(UTC)
    later.sells(2)
    header = header_of(later, later.journal.lines)

    with pytest.raises(CourierError, match="--vouch-for-key"):
        await import_journal(central.services, header, later.journal.lines)
    imported = await import_journal(central.services, header, later.journal.lines, vouched=True)

    assert (imported.stored, imported.applied_through) == (2, 2)


async def test_a_terminal_of_another_central_is_not_taken(central: Central, till: Till) -> None:
    till.sells(1)
    header = header_of(till, till.journal.lines)
    stranger = JournalHeader(
        terminal_id=central.services.ids(),
        epoch=header.epoch,
        public_key=header.public_key,
        signatures=header.signatures,
    )

    with pytest.raises(CourierError, match="right central"):
        await import_journal(central.services, stranger, till.journal.lines)
