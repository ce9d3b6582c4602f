"""The hand on a simulated device in another process: one JSON object a line in, one a line out.

    {"do": "set", "paper_out": true}          → {"ok": true}
    {"do": "receipts", "from": 0}             → {"ok": true, "receipts": ["…"]}
    {"do": "scan", "text": "4006381333931"}   → {"ok": true, "scans": 1}

Every device does `set` (its conditions, dribble, busy), `cut_line`, `unplug`, `replug` and `attended` (waits for a till
on TCP). An `id` in a request comes back in its answer. Over the standard streams the device goes when its parent does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from hardware.simulated.device import SimulatedDevice
from hardware.simulated.display import SimulatedDisplay
from hardware.simulated.printer import SimulatedPrinter
from hardware.simulated.scale import SimulatedScale
from hardware.simulated.scanner import SimulatedScanner

request_bytes_max = 65_536

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class BadRequest(ValueError):  # noqa: N818
    """The request names nothing that this device does."""


def printer_handler(printer: SimulatedPrinter) -> Handler:
    """What can be asked of a simulated printer: fault_after, power_cycle, receipts, paper, counts, pulses."""

    async def handle(request: dict[str, Any]) -> dict[str, Any]:
        match do := request.pop("do", None):
            case _ if await _on_the_line(printer, do, request):
                pass
            case "fault_after":
                printer.fault_after(int(request["bytes"]), request["fault"])
            case "power_cycle":
                printer.power_cycle()
            case "receipts":
                return {"receipts": printer.receipts()[int(request.get("from", 0)) :]}
            case "paper":
                return {"paper": printer.paper()}
            case "counts":
                return _counts(printer)
            case "pulses":
                return {
                    "pulses": [
                        {"pin": one.pin, "milliseconds": one.milliseconds, "real_time": one.real_time}
                        for one in printer.drawer_pulses
                    ]
                }
            case _:
                raise BadRequest(f"a printer does not do {do!r}")
        return {}

    return handle


def scanner_handler(scanner: SimulatedScanner) -> Handler:
    """What can be asked of a simulated scanner: scan, send (hexadecimal bytes), counts."""

    async def handle(request: dict[str, Any]) -> dict[str, Any]:
        match do := request.pop("do", None):
            case _ if await _on_the_line(scanner, do, request):
                pass
            case "scan":
                scanner.scan(
                    str(request["text"]),
                    aim=str(request.get("aim", "")),
                    dribble=request.get("dribble"),
                    suffix=request.get("suffix"),
                )
            case "send":
                scanner.send(bytes.fromhex(request["hex"]), dribble=request.get("dribble"))
            case "counts":
                pass
            case _:
                raise BadRequest(f"a scanner does not do {do!r}")
        return {"scans": scanner.scans, "connections": scanner.connections}

    return handle


def scale_handler(scale: SimulatedScale) -> Handler:
    """What can be asked of a simulated scale: load (`milli`, `net`, `moves`), say, counts."""

    async def handle(request: dict[str, Any]) -> dict[str, Any]:
        match do := request.pop("do", None):
            case _ if await _on_the_line(scale, do, request):
                pass
            case "load":
                scale.load_milli = int(request["milli"])
                scale.net = bool(request.get("net"))
                scale.moves = int(request.get("moves", 0))
            case "say":
                scale.say()
            case "counts":
                pass
            case _:
                raise BadRequest(f"a scale does not do {do!r}")
        return {"questions": scale.questions}

    return handle


def display_handler(display: SimulatedDisplay) -> Handler:
    """What can be asked of a simulated display: lines."""

    async def handle(request: dict[str, Any]) -> dict[str, Any]:
        match do := request.pop("do", None):
            case _ if await _on_the_line(display, do, request):
                pass
            case "lines":
                pass
            case _:
                raise BadRequest(f"a display does not do {do!r}")
        return {"lines": list(display.lines())}

    return handle


async def _on_the_line(device: SimulatedDevice, do: str | None, request: dict[str, Any]) -> bool:
    """Do what every device does; whether it was one of those."""
    match do:
        case "set":
            device.set(**request)
        case "cut_line":
            device.cut_line()
        case "unplug":
            device.unplug()
        case "replug":
            await device.replug()
        case "attended":
            await device.attended()
        case _:
            return False
    return True


async def answer(line: bytes, handle: Handler) -> dict[str, Any]:
    """The answer to one line of a request; never raises for what is in it."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise BadRequest("a request is one JSON object a line")
    except (ValueError, RecursionError) as error:
        return {"ok": False, "error": str(error)}
    return await answer_to(request, handle)


async def answer_to(request: dict[str, Any], handle: Handler) -> dict[str, Any]:
    """The answer to a request; never raises for what is in it."""
    identity = {"id": request.pop("id")} if "id" in request else {}
    try:
        return {"ok": True, **await handle(request), **identity}
    except BadRequest as error:
        return {"ok": False, "error": str(error), **identity}
    except (ValueError, TypeError, KeyError, OSError) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}", **identity}


async def serve_port(handle: Handler, host: str, port: int) -> tuple[asyncio.Server, str]:
    """Take requests on a TCP port; returns the server and its `host:port`."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(reader, writer.write, handle)
        writer.close()

    server = await asyncio.start_server(client, host, port, limit=request_bytes_max)
    return server, f"{host}:{server.sockets[0].getsockname()[1]}"


async def serve_standard_streams(handle: Handler) -> None:
    """Take requests on standard input until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=request_bytes_max)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    await _serve(reader, write, handle)


async def _serve(reader: asyncio.StreamReader, write: Callable[[bytes], None], handle: Handler) -> None:
    while True:
        try:
            line = await reader.readline()
        except (ValueError, ConnectionError):  # longer than any request, or gone
            return
        if not line:
            return
        write(json.dumps(await answer(line, handle), ensure_ascii=False).encode() + b"\n")


def _counts(printer: SimulatedPrinter) -> dict[str, Any]:
    machine = printer.machine
    return {
        "receipts": len(machine.paper.receipts),
        "cuts": machine.paper.cuts,
        "pulses": len(machine.pulses),
        "bytes": machine.bytes_received,
        "held_bytes": machine.held_bytes,
        "connections": printer.connections,
        "unknown_commands": len(machine.unknown),
        "online": machine.condition.online,
    }
