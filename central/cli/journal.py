"""`till-central journal`: a terminal's journal that came in a file is taken as if it had delivered it itself."""

from functools import partial
from pathlib import Path

import click
from msgspec import structs

from central.cli.target import Failure, Target, opened_services, run, show, target_options
from central.uplink.courier import CourierError, Imported, import_journal
from protocol.journal_file import JournalFileError, header_bytes_max, read_header
from protocol.lines import line_bytes_max


@click.group("journal")
def journal() -> None:
    """Journals that a courier brought."""


@journal.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--vouch-for-key", is_flag=True, help="Take an epoch that is not known here, on an owner's word.")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@target_options
def import_file(target: Target, file: Path, vouch_for_key: bool, as_json: bool) -> None:
    """Take what `till-terminal journal export FILE` wrote."""
    done = run(_import(target, file, vouched=vouch_for_key))
    text = (
        f"{done.lines} lines: {done.stored} stored, {done.duplicates} known already,"
        f" {done.forked} kept as a branch. Applied through {done.applied_through}."
    )
    show(structs.asdict(done), as_json=as_json, text=text)


async def _import(target: Target, file: Path, *, vouched: bool) -> Imported:
    async with opened_services(target) as services:
        with file.open("rb") as lines:
            try:
                header = read_header(lines.readline(header_bytes_max + 2))
                bounded = iter(partial(lines.readline, line_bytes_max + 2), b"")
                return await import_journal(services, header, bounded, vouched=vouched)
            except (JournalFileError, CourierError) as error:
                raise Failure(str(error)) from error
