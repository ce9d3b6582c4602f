"""A till at work whose disk fails at a call of `strace`'s choosing; says each answer in a line of JSON.

    python -m tests.terminal_agent.sale_on_a_faulty_disk FOLDER retry|crash [ACT]

ACT is one of `ACTS`, on a till that has sold one coffee; without it a sale is made, from its first scan on. `retry`
asks for what was refused again under its id, as a front end does; `crash` leaves at once, as a power cut would.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import structlog

from terminal_agent.journal import JournalError
from terminal_agent.register.refusals import Refused
from tests.terminal_agent.lone_counter import LoneCounter, counter

TENDER = "the tender"
tries_max = 3
ACT = "the act"
ACTS: dict[str, dict[str, Any]] = {
    "refund": {"receipt_number": "T1-1", "lines": [{"original_line": 1, "quantity_milli": 1000}], "reason": "broken"},
    "cash_movement": {"direction": "IN", "amount_minor": 100, "reason": "bank"},
    "close_shift": {"counted_minor": 0},
}


def say(what: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"what": what, **more}) + "\n")
    sys.stdout.flush()


async def given(at: LoneCounter, command: str, command_id: str, **fields: Any) -> bool:
    """Whether the till did it; its answer is said either way."""
    try:
        answer = await at.command(command, command_id, **fields)
    except Refused as refused:
        say("refused", command=command, code=refused.code, detail=refused.detail, **fields)
        return False
    say("done", command=command, events=answer["events"], number=answer["state"]["last_receipt_number"], **fields)
    return True


async def sell(folder: Path, *, crash: bool) -> None:
    async with counter(folder, reserve_bytes=0) as at:
        say("ready")
        for number, barcode in enumerate(("4006381333931", "96385074")):
            for again in range(tries_max):
                if await given(at, "scan", f"scan {number} {again}", barcode=barcode):
                    break
        await at.checkout.flush()
        await given(at, "tender", "a part", method="CASH", amount_minor=100)
        say("asked")
        for _ in range(tries_max):
            if await given(at, "tender", TENDER, method="CASH", amount_minor=1_000):
                break
            if crash:
                os._exit(3)
        if crash:
            os._exit(0)


async def act(folder: Path, command: str, *, crash: bool) -> None:
    async with counter(folder, reserve_bytes=0) as at:
        for _ in range(tries_max):
            if await given(at, command, ACT, **ACTS[command]):
                break
            if crash:
                os._exit(3)
        if crash:
            os._exit(0)


def main() -> None:
    folder, how, *acts = sys.argv[1:]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        if acts:
            asyncio.run(act(Path(folder), acts[0], crash=how == "crash"))
        else:
            asyncio.run(sell(Path(folder), crash=how == "crash"))
    except Exception as error:  # what the daemon would say in a line
        say("ended", error=type(error).__name__, detail=str(error), journal=isinstance(error, JournalError))
        os._exit(1)


if __name__ == "__main__":
    main()
