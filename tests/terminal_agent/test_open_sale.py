"""Nothing is sold but what the cashier saw, whatever ends the process and whichever command comes late or twice."""

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from terminal_agent.open_sale import OpenSale, OpenSaleFiles
from terminal_agent.register.refusals import Refused
from tests.terminal_agent.conftest import CASHIER, Till
from tests.terminal_agent.lone_counter import BARCODES, LoneCounter, copy_disk, counter, open_shift, stock


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A till's disk, its shift open."""
    disk = tmp_path / "disk"
    disk.mkdir()
    await stock(disk)
    async with counter(disk) as at:
        await open_shift(at)
    return disk


@pytest.fixture
async def at(folder: Path) -> AsyncIterator[LoneCounter]:
    async with counter(folder) as made:
        yield made


async def test_a_scan_that_was_answered_outlives_a_killed_process(till: Till) -> None:
    """Killed at once, long before the open sale is written behind; the tender that was lost is asked for again."""
    await till.scan("COFFEE")
    await till.scan("BREAD")
    await till.kill()
    await till.start()
    await till.command("sign_in", **CASHIER)

    sold = await till.command("tender", method="CASH", amount_minor=1_000)

    assert [event["type"] for event in sold["events"]] == ["SALE"]
    assert sold["state"]["shift"]["sales_minor"] == 350 + 199


async def test_a_tender_repeated_after_a_crash_sells_what_the_cashier_saw(folder: Path) -> None:
    """The disk is copied amid every instruction of the commit: the sale is there, or its whole cart is."""
    tender = str(uuid4())
    copies: list[Path] = []
    async with counter(folder) as at:
        await at.scan("COFFEE")
        await at.checkout.flush()
        await at.scan("BREAD")
        copies.append(copy_disk(folder, folder.with_name("before")))
        steps = 0

        def look() -> int:
            nonlocal steps
            steps += 1
            if steps % 10 == 0:
                copies.append(copy_disk(folder, folder.with_name(f"copy-{steps}")))
            return 0

        at.journal._connection.set_progress_handler(look, 1)
        await at.command("tender", tender, method="CARD")
        at.journal._connection.set_progress_handler(None, 0)
    assert len(copies) > 5

    for copy in [*copies, folder]:
        async with counter(copy) as again:
            answer = await again.command("tender", tender, method="CARD")
            assert again.sales() == [["COFFEE", "BREAD"]]
            assert answer["events"] == [{"sequence": 2, "type": "SALE"}]


async def test_a_part_that_was_paid_is_on_the_disk_when_it_is_answered(folder: Path) -> None:
    async with counter(folder) as at:
        await at.scan("COFFEE")
        await at.command("tender", "first note", method="CASH", amount_minor=200)
    for name in ("open-sale-0", "open-sale-1"):  # a power cut leaves what was synced alone
        (folder / name).unlink(missing_ok=True)

    async with counter(folder) as again:
        repeated = await again.command("tender", "first note", method="CASH", amount_minor=200)
        assert [tender["amount_minor"] for tender in repeated["state"]["cart"]["tenders"]] == [200]
        await again.command("remove_tender")
    async with counter(folder) as once_more:
        cart = once_more.checkout.state.cart
        assert cart is not None
        assert cart.tenders == ()


async def test_a_sale_that_was_written_behind_is_over_with_its_receipt(folder: Path) -> None:
    async with counter(folder) as at:
        await at.scan("COFFEE")
        await at.checkout.flush()
        await at.command("tender", method="CARD")
    for name in ("open-sale-0", "open-sale-1"):
        (folder / name).unlink(missing_ok=True)

    async with counter(folder) as again:
        assert again.checkout.state.cart is None
        await again.scan("BREAD")
        await again.checkout.flush()
    async with counter(folder) as once_more:
        assert once_more.cart == ["BREAD"]


@pytest.mark.parametrize("written_behind", [True, False])
async def test_a_scan_repeated_after_its_sale_and_a_power_cut_is_not_sold_again(
    folder: Path, written_behind: bool
) -> None:
    async with counter(folder) as at:
        await at.command("scan", "the scan", barcode=BARCODES["COFFEE"])
        if written_behind:
            await at.checkout.flush()
        await at.command("tender", method="CARD")
    for name in ("open-sale-0", "open-sale-1"):
        (folder / name).unlink(missing_ok=True)

    async with counter(folder) as again:
        await again.command("scan", "the scan", barcode=BARCODES["COFFEE"])
        assert again.checkout.state.cart is None
        assert again.sales() == [["COFFEE"]]


async def test_a_sale_that_was_resumed_stays_so_after_a_power_cut(folder: Path) -> None:
    async with counter(folder) as at:
        await at.scan("COFFEE")
        await at.command("park", label="trolley")
        parked = str(at.checkout.state.parked[0].parked_id)
        await at.command("resume", parked_id=parked)
    for name in ("open-sale-0", "open-sale-1"):
        (folder / name).unlink(missing_ok=True)

    async with counter(folder) as again:
        assert again.cart == ["COFFEE"]
        assert again.checkout.state.parked == ()


async def test_a_tender_said_of_another_cart_is_refused_and_told_to_look(at: LoneCounter) -> None:
    """The scanner was quicker than the finger."""
    await at.scan("COFFEE")
    seen = at.revision
    await at.scan("BREAD")

    with pytest.raises(Refused, match="look at it") as refused:
        await at.command("tender", "once", method="CASH", cart_revision=seen)

    assert refused.value.code == "cart-changed"
    assert refused.value.members == {"cart_revision": at.revision}
    assert at.sales() == []
    await at.command("tender", method="CASH", cart_revision=at.revision)
    assert at.sales() == [["COFFEE", "BREAD"]]


async def test_a_late_tender_of_the_customer_before_sells_nothing_to_the_next_one(at: LoneCounter) -> None:
    await at.scan("COFFEE")
    seen = at.revision
    await at.command("tender", method="CASH", cart_revision=seen)
    await at.scan("COFFEE")

    with pytest.raises(Refused) as refused:
        await at.command("tender", "late", method="CASH", cart_revision=seen)

    assert refused.value.code == "cart-changed"
    assert at.sales() == [["COFFEE"]]


async def test_a_cart_bears_the_same_revision_after_a_restart_and_another_after_each_change(folder: Path) -> None:
    async with counter(folder) as at:
        seen = [(await at.scan("COFFEE"))["state"]["cart"]["revision"]]
        seen.append((await at.scan("COFFEE"))["state"]["cart"]["revision"])
        seen.append((await at.command("change_quantity", line=1, quantity_milli=2000))["state"]["cart"]["revision"])
        seen.append((await at.command("tender", method="CASH", amount_minor=5))["state"]["cart"]["revision"])
    async with counter(folder) as again:
        assert again.revision == seen[-1]

    assert len(set(seen)) == len(seen)


async def test_after_a_power_cut_the_cashier_compares_the_cart_before_anything_is_sold(folder: Path) -> None:
    """The bread was scanned within the last second, and the machine went down: only the coffee is on the disk."""
    async with counter(folder, boot_id="boot 1") as at:
        await at.scan("COFFEE")
        await at.checkout.flush()
        kept = copy_disk(folder, folder.with_name("kept"))
        await at.scan("BREAD")
    async with counter(kept, boot_id="boot 2") as again:
        assert again.cart == ["COFFEE"]
        for _ in range(2):  # a front end that repeats by itself has not looked
            with pytest.raises(Refused, match="compare the cart with the goods") as refused:
                await again.command("tender", "lost", method="CASH", amount_minor=1_000)
            assert refused.value.code == "cart-restored"
        assert again.sales() == []
        await again.scan("BREAD")
        await again.command("tender", method="CASH", amount_minor=1_000)
        assert again.sales() == [["COFFEE", "BREAD"]]


async def test_who_bears_the_revision_of_the_restored_cart_has_compared_it(folder: Path) -> None:
    async with counter(folder, boot_id="boot 1") as at:
        await at.scan("COFFEE")
        await at.checkout.flush()
    async with counter(folder, boot_id="boot 2") as again:
        await again.command("tender", method="CASH", cart_revision=again.revision)

        assert again.sales() == [["COFFEE"]]


@pytest.mark.parametrize("boot_id", ["boot 1", "boot 2"])
async def test_a_terminal_that_was_stopped_in_order_asks_for_no_comparison(folder: Path, boot_id: str) -> None:
    async with counter(folder, boot_id="boot 1") as at:
        await at.scan("COFFEE")
        await at.checkout.flush(in_order=True)
    async with counter(folder, boot_id=boot_id) as again:
        await again.command("tender", method="CASH")

        assert again.sales() == [["COFFEE"]]


async def test_a_scan_that_cannot_be_kept_is_refused_and_the_cart_stays_as_it_was(
    at: LoneCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at.scan("COFFEE")

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(Refused, match="free some space") as refused:
            await at.scan("BREAD")
    assert refused.value.code == "disk-full"
    assert at.cart == ["COFFEE"]

    await at.scan("BREAD")
    async with counter(at.folder) as again:
        assert again.cart == ["COFFEE", "BREAD"]


@pytest.fixture
def files(tmp_path: Path) -> OpenSaleFiles:
    return OpenSaleFiles(tmp_path)


def test_a_write_that_was_cut_off_leaves_the_one_before_it(files: OpenSaleFiles, tmp_path: Path) -> None:
    files.write(OpenSale(6, "boot", None, ("one",)))
    files.write(OpenSale(7, "boot", None, ("one", "two")))
    newest = tmp_path / "open-sale-1"
    whole = newest.read_bytes()

    for length in range(len(whole)):
        newest.write_bytes(whole[:length])
        assert files.newest() == OpenSale(6, "boot", None, ("one",))
    newest.write_bytes(whole)
    assert files.newest() == OpenSale(7, "boot", None, ("one", "two"))


def test_a_shorter_sale_is_read_whole_over_a_longer_one(files: OpenSaleFiles) -> None:
    files.write(OpenSale(4, "boot", None, tuple("a long sale")))
    files.write(OpenSale(6, "boot", None, ()))

    assert files.newest() == OpenSale(6, "boot", None, ())
