"""From a receipt to its proof on paper, and from a scanner's bytes to a scan, beside the bare bytes on the same lines.

    receipt of 60 lines   document rendered, sent over TCP, printed by the simulated printer, proved by `GS r`
                          | the finished bytes written by a bare socket to a second printer, until it answers
    scan                  bytes on a pseudo-terminal to the scan that a till is handed
                          | the same bytes read by a bare read

The printers are simulated as they ship, in this process: what they need to put dots on paper is in both figures.
"""

import asyncio
import os
import statistics
import time
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.figures import Figure, Scale, median_duration, p99, ratios, within
from hardware.printers.document import Columns, Cut, Document, Rule, Text
from hardware.printers.escpos_driver import PrinterDriver, Proof
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.scanners import SerialScanner
from hardware.simulated import SimulatedPrinter, SimulatedScanner
from hardware.transports import open_transport

receipt_lines: Final = 60
receipts_per_round: Final = 20
scans_per_round: Final = 100
printer_profile: Final = profile("generic-80mm")
barcode: Final = "4006381333931"
answer_seconds_max: Final = 10.0


async def measure(scale: Scale) -> list[Figure]:
    with TemporaryDirectory(prefix="tillstream-bench-") as folder:
        return [*await _receipts(scale, Path(folder)), await _scans(scale)]


async def _receipts(scale: Scale, folder: Path) -> list[Figure]:
    """Rendering, the last byte sent, and the proof; receipt by receipt in turn with the bare bytes."""
    document = receipt()
    bare = render(document, printer_profile, job_id=0, pickle_dir=folder)
    rounds: list[tuple[float, ...]] = []
    floor: list[float] = []
    async with (
        SimulatedPrinter(columns=printer_profile.columns) as printer,
        SimulatedPrinter(columns=printer_profile.columns) as other,
    ):
        driver = PrinterDriver(open_transport(printer.address), printer_profile)
        await driver.open()
        for turn in range(scale.rounds + 1):  # the first warms up
            times, bare_times = [], []
            for number in range(receipts_per_round):
                times.append(await _print(driver, document, turn * receipts_per_round + number, folder))
                bare_times.append(await _send_bare(other.address, bare))
            if turn:
                rounds.append(tuple(statistics.median(column) for column in zip(*times, strict=True)))
                floor.append(statistics.median(bare_times))
        await driver.close()
    rendered, sent, proved = (list(column) for column in zip(*rounds, strict=True))
    return [
        Figure(
            f"receipt of {receipt_lines} lines: document to proof",
            median_duration(proved),
            f"its {len(bare):,} bytes by a bare socket {median_duration(floor)}",
            ratios(proved, floor),
            note=f"rendered after {median_duration(rendered)}, last byte sent after {median_duration(sent)}",
        )
    ]


async def _print(driver: PrinterDriver, document: Document, job_id: int, folder: Path) -> tuple[float, float, float]:
    """Seconds from the document until it is rendered, until its last byte is sent, until it is proved."""
    begin = time.perf_counter()
    buffer = await asyncio.to_thread(render, document, printer_profile, job_id=job_id, pickle_dir=folder)
    rendered = time.perf_counter() - begin
    result = await driver.send(buffer, deadline=answer_seconds_max)
    sent = time.perf_counter() - begin
    if not result.complete or await driver.proof(job_id) is not Proof.PRINTED:
        raise RuntimeError("the simulated printer did not prove a receipt")
    return rendered, sent, time.perf_counter() - begin


async def _send_bare(address: str, data: bytes) -> float:
    """Seconds until the printer has answered what stands at the end of the bytes."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    begin = time.perf_counter()
    writer.write(data)
    await reader.readexactly(1)
    seconds = time.perf_counter() - begin
    writer.close()
    await writer.wait_closed()
    return seconds


async def _scans(scale: Scale) -> Figure:
    """The median of each round, and of all rounds the time that one scan in a hundred passes."""
    ours: list[float] = []
    floor: list[float] = []
    every: list[float] = []
    async with SimulatedScanner() as simulated, _bare_line() as (far, near):
        scanner = SerialScanner(simulated.address)
        await scanner.open()
        for turn in range(scale.rounds + 1):
            times, bare = [], []
            for _ in range(scans_per_round):
                begin = time.perf_counter()
                simulated.scan(barcode)
                scan = await anext(scanner)
                times.append(time.perf_counter() - begin)
                if scan.text != barcode:
                    raise RuntimeError(f"{scan.text!r} was scanned")
                bare.append(_read_bare(far, near))
            if turn:
                ours.append(statistics.median(times))
                floor.append(statistics.median(bare))
                every += times
        await scanner.close()
    return Figure(
        "scan: bytes to record",
        f"{median_duration(ours)}, p99 {median_duration([p99(every)])}",
        f"a bare read {median_duration(floor)}",
        ratios(ours, floor),
        within(0.001, p99(every), "p99"),
    )


@asynccontextmanager
async def _bare_line() -> AsyncIterator[tuple[int, int]]:
    far, near = os.openpty()
    tty.setraw(near)
    try:
        yield far, near
    finally:
        os.close(far)
        os.close(near)


def _read_bare(far: int, near: int) -> float:
    data = f"{barcode}\r".encode()
    begin = time.perf_counter()
    os.write(far, data)
    left = len(data)
    while left:
        left -= len(os.read(near, left))
    return time.perf_counter() - begin


def receipt() -> Document:
    """A receipt as a till prints it, so many lines long."""
    items = [Columns(f"Product number {number} of the shop", f"{number}.{number:02}") for number in range(50)]
    return Document(
        (
            Text("Corner Shop", "center", bold=True, double=True),
            Text("High Street 1", "center"),
            Rule(),
            *items,
            Rule(),
            Columns("TOTAL EUR", "1,237.25", bold=True),
            Columns("Cash", "1,240.00"),
            Columns("Change", "2.75"),
            Rule(),
            Text("24 November 2026 12:00  B1-1"),
            Text("Thank you", "center"),
            Cut(),
        ),
        columns=printer_profile.columns,
        title="B1-1",
    )
