"""`till-terminal journal push` says what was new to central, and why nothing went."""

import sqlite3
from pathlib import Path

from tests.central.conftest import Central
from tests.terminal_agent.conftest import Shop, Till


async def test_push_tells_new_lines_from_those_that_central_had(till: Till) -> None:
    """The daemon was killed after central took its lines and before it wrote down that it did."""
    await till.scan("COFFEE")
    await till.command("tender", method="CARD")
    await till.until(lambda state: state["sync"]["pending"] == 0)
    await till.kill()

    exit_code, out, _ = await till.call("journal", "push")

    assert exit_code == 0
    new, _, known = out.strip().partition("; ")
    assert new == "0 lines delivered"
    assert known in ("", "3 more were there already")
    assert await till.call("journal", "push") == (0, "0 lines delivered\n", "")


async def test_push_counts_what_was_sold_without_a_network(central: Central, till: Till) -> None:
    await till.until(lambda state: state["sync"]["pending"] == 0)
    await till.stop()
    config = till.folder / "terminal.toml"
    config.write_text("reserve_bytes = 0\nfree_bytes_min = 0\n")
    _point_at(till.folder, "http://127.0.0.1:1")
    await till.start()
    await till.command("sign_in", number="1", pin="2580")
    await till.scan("COFFEE")
    await till.command("tender", method="CARD")
    await till.stop()

    exit_code, _, err = await till.call("journal", "push")
    assert exit_code == 1
    assert "nothing listens at 127.0.0.1:1" in err
    assert err.count("\n") == 1
    _point_at(till.folder, central.url)
    exit_code, out, _ = await till.call("journal", "push")
    assert (exit_code, out) == (0, "2 lines delivered\n")


async def test_push_says_what_a_revoked_terminal_has_to_do(till: Till, shop: Shop) -> None:
    await till.until(lambda state: state["sync"]["pending"] == 0)
    status, _, _ = await shop.tenant.post(f"/v1/terminals/{till.terminal_id}/revocation", {})
    assert status == 204
    await till.scan("COFFEE")
    await till.command("tender", method="CARD")
    await till.stop()

    exit_code, _, err = await till.call("journal", "push")

    assert exit_code == 1
    assert "enrol the terminal anew" in err
    assert err.count("\n") == 1


def _point_at(folder: Path, server: str) -> None:
    """The address of the server as the installer would correct it."""
    with sqlite3.connect(folder / "journal.sqlite") as connection:
        connection.execute("update enrolments set server = ?", (server,))
