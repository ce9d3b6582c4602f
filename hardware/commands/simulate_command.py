"""`till-hardware simulate`: a device that is not there, speaking its real bytes, for a demo or a try-out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hardware.commands.outcome import Exit, fail
from hardware.printers.profiles import UnknownProfile, profile
from hardware.scales import PROTOCOLS
from hardware.simulated.control import (
    Handler,
    answer_to,
    display_handler,
    printer_handler,
    scale_handler,
    scanner_handler,
    serve_port,
    serve_standard_streams,
)
from hardware.simulated.display import SimulatedDisplay
from hardware.simulated.printer import SimulatedPrinter
from hardware.simulated.scale import SimulatedScale
from hardware.simulated.scanner import SimulatedScanner
from hardware.simulated.typed import invitation, request

typed_bytes_max = 4_096
Simulated = SimulatedPrinter | SimulatedScanner | SimulatedScale | SimulatedDisplay


@click.group("simulate")
def simulate_command() -> None:
    """Put a simulated device on a TCP port or a pseudo-terminal, until it is stopped."""


_PLACE = (
    click.option("--listen", metavar="HOST:PORT", help="A TCP port (0: any free one)."),
    click.option("--pty", is_flag=True, help="A pseudo-terminal instead."),
    click.option("--link", type=click.Path(path_type=Path), help="Link to the pseudo-terminal by this path."),
    click.option("--control", metavar="stdio|HOST:PORT", help="Take commands, one JSON object a line."),
)


def _placed(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_PLACE):
        command = option(command)
    return command


@simulate_command.command("printer")
@_placed
@click.option("--profile", "profile_name", default="TM-T88V", show_default=True, help="Which model it is.")
@click.option("--png", type=click.Path(path_type=Path, file_okay=False), help="Write each receipt as a picture.")
@click.option("--text", type=click.Path(path_type=Path, file_okay=False), help="Write each receipt as text.")
def simulate_printer(
    listen: str | None,
    pty: bool,
    link: Path | None,
    control: str | None,
    profile_name: str,
    png: Path | None,
    text: Path | None,
) -> None:
    """An ESC/POS receipt printer: what it prints is written to folders, or shown."""
    try:
        kind = profile(profile_name)
    except UnknownProfile as error:
        fail(str(error), Exit.USAGE)
    for folder in (png, text):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def on_receipt(number: int, shown: str) -> None:
        if png is not None:
            (png / f"receipt-{number:06d}.png").write_bytes(printer.receipt_png(number))
        if text is not None:
            (text / f"receipt-{number:06d}.txt").write_text(shown, encoding="utf-8")
        if control != "stdio" and png is None and text is None:
            click.echo(shown + "-" * kind.columns)

    printer = SimulatedPrinter(
        listen=_listen(listen or "127.0.0.1:9100"),
        pty=pty,
        link=link,
        columns=kind.columns,
        dots=kind.dots,
        process_ids=kind.proof == "process-id",
        model=kind.name,
        on_receipt=on_receipt,
    )
    _run(printer, printer_handler(printer), control)


@simulate_command.command("scanner")
@_placed
@click.option("--suffix", default="CR", type=click.Choice(("CR", "LF", "CRLF", "TAB", "none")), show_default=True)
@click.option("--prefix", default="")
def simulate_scanner(
    listen: str | None, pty: bool, link: Path | None, control: str | None, suffix: str, prefix: str
) -> None:
    """A serial scanner; it scans what its control says."""
    ending = {"CR": "\r", "LF": "\n", "CRLF": "\r\n", "TAB": "\t", "none": ""}[suffix]
    scanner = SimulatedScanner(listen=_place(listen, pty), link=link, prefix=prefix, suffix=ending)
    _run(scanner, scanner_handler(scanner), control if control or _a_person_is_there() else "stdio")


@simulate_command.command("scale")
@_placed
@click.option("--protocol", default="toledo-8217", type=click.Choice(list(PROTOCOLS)), show_default=True)
@click.option("--load-milli", default=0, help="The load on it, in thousandths of a kilogram.")
def simulate_scale(
    listen: str | None, pty: bool, link: Path | None, control: str | None, protocol: str, load_milli: int
) -> None:
    """A scale with a load on it."""
    scale = SimulatedScale(protocol, listen=_place(listen, pty), link=link)
    scale.load_milli = load_milli
    _run(scale, scale_handler(scale), control)


@simulate_command.command("display")
@_placed
def simulate_display(listen: str | None, pty: bool, link: Path | None, control: str | None) -> None:
    """A customer display of two lines, drawn each time they change; its control says what it shows."""
    drawn = control != "stdio"
    display = SimulatedDisplay(listen=_place(listen, pty), link=link, on_change=_draw if drawn else None)
    _run(display, display_handler(display), control)


def _draw(lines: tuple[str, str]) -> None:
    edge = "+" + "-" * len(lines[0]) + "+"
    click.echo("\n".join((edge, *(f"|{line}|" for line in lines), edge)))


def _a_person_is_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _place(listen: str | None, pty: bool) -> str | None:
    """The TCP port, or None for a pseudo-terminal."""
    if pty and listen is not None:
        fail("give --listen or --pty, not both", Exit.USAGE)
    return None if listen is None else _listen(listen)


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        fail(f"{text!r} is no HOST:PORT; write 127.0.0.1:9100, or port 0 for a free one", Exit.USAGE)
    return f"{host or '127.0.0.1'}:{port}"


def _run(device: Simulated, handle: Handler, control: str | None) -> None:
    try:
        asyncio.run(_until_stopped(device, handle, control))
    except OSError as error:
        fail(f"this place cannot be used: {error.strerror or error}; choose another port or path")


async def _until_stopped(device: Simulated, handle: Handler, control: str | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    async def handle_or_stop(request: dict[str, Any]) -> dict[str, Any]:
        if request.get("do") == "stop":
            loop.call_soon(stop.set)
            return {}
        return await handle(request)

    async with device:
        server, where = None, None
        if control not in (None, "stdio"):
            host, _, port = _listen(str(control)).rpartition(":")
            server, where = await serve_port(handle_or_stop, host, int(port))
        person = control != "stdio" and _a_person_is_there()
        if person:
            click.echo(f"It stands at {device.address} until Ctrl-C.\n{invitation(device)}")
            _take_lines(device, handle_or_stop, stop)
        else:
            click.echo(json.dumps({"ready": True, "address": device.address, "control": where}))
        if control == "stdio":
            streams = asyncio.create_task(serve_standard_streams(handle_or_stop))
            streams.add_done_callback(lambda _: stop.set())
            await stop.wait()
            streams.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await streams
        else:
            await stop.wait()
        if person:
            loop.remove_reader(sys.stdin.fileno())
        if server is not None:
            server.close()


def _take_lines(device: Simulated, handle: Handler, stop: asyncio.Event) -> None:
    """Obey each line that a person types, until the end of the input (Ctrl-D) stops the device."""
    obeying: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish

    async def obey(line: str) -> None:
        answer = await answer_to(request(device, line), handle)
        if not answer.pop("ok"):
            click.echo(f"{answer['error']}\n{invitation(device)}")

    def on_readable() -> None:
        typed = os.read(sys.stdin.fileno(), typed_bytes_max)
        if not typed:
            stop.set()
        for line in typed.decode(errors="replace").splitlines():
            if line.strip():
                task = asyncio.ensure_future(obey(line))
                obeying.add(task)
                task.add_done_callback(obeying.discard)

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), on_readable)
