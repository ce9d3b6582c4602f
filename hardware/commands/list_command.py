"""`till-hardware list`: what is configured and what else stands on the counter; it writes only where told to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from hardware.addresses import AddressError, HidAddress, SerialAddress, TcpAddress, UsbPrinterAddress, parse_address
from hardware.commands.devices_given import configured
from hardware.commands.outcome import Exit, fail, fail_for, print_json, print_table
from hardware.devices import Device
from hardware.discovery import Found, discover
from hardware.network_printers import NoMdns, network_printers
from hardware.probing import probe
from hardware.transports.transport import TransportError
from hardware.transports.usb_printer import usb_printer_files


@click.command("list")
@click.option("--config", type=click.Path(path_type=Path), help="The file of configured devices.")
@click.option("--probe", "probed", multiple=True, metavar="ADDRESS", help="Ask what stands there; writes to it.")
@click.option("--network", is_flag=True, help="Also ask the network for printers, for three seconds (needs zeroconf).")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def list_command(config: Path | None, probed: tuple[str, ...], network: bool, as_json: bool) -> None:
    """Show what is configured, and what else is plugged in. Nothing is written to but what --probe names."""
    devices = configured(config)
    found = discover()
    if network:
        try:
            found += network_printers()
        except NoMdns as error:
            fail(str(error))
    rows = [_configured_row(device, found) for device in devices]
    taken = {row["where"] for row in rows}
    rows += [_found_row(one) for one in found if one.address not in taken]
    rows += [_probed_row(address) for address in probed]
    if as_json:
        print_json({"devices": rows})
    elif rows:
        print_table(
            ("DEVICE", "KIND", "WHERE", "STATE", "DETAIL"),
            ((row["device"] or "-", row["kind"], row["where"], row["state"], row["detail"]) for row in rows),
        )
    else:
        click.echo("No device is configured and none is plugged in. Plug one in, or run till-hardware configure.")


def _configured_row(device: Device, found: list[Found]) -> dict[str, str]:
    same = next((one for one in found if one.address == device.address), None)
    state = "seen" if _is_seen(device) else "absent"
    if isinstance(parse_address(device.address), TcpAddress):
        state = "on the network"
    if same is not None and not same.allowed:
        state = "forbidden"
    detail = device.profile if device.kind == "printer" else ""
    return {"device": device.name, "kind": device.kind, "where": device.address, "state": state, "detail": detail}


def _found_row(found: Found) -> dict[str, str]:
    state = "not configured" if found.allowed else "forbidden"
    return {"device": "", "kind": found.kind, "where": found.address, "state": state, "detail": found.detail}


def _probed_row(address: str) -> dict[str, str]:
    try:
        found = asyncio.run(probe(address))
    except AddressError as error:
        fail(str(error), Exit.USAGE)
    except TransportError as error:
        fail_for(error)
    if found is None:
        return {"device": "", "kind": "unknown", "where": address, "state": "silent", "detail": "nothing answered"}
    return {"device": "", "kind": found.kind, "where": found.address, "state": "answers", "detail": found.detail}


def _is_seen(device: Device) -> bool:
    address = parse_address(device.address)
    match address:
        case SerialAddress() | HidAddress():
            return Path(address.path).exists()
        case UsbPrinterAddress():
            return any(
                (one.vendor, one.product) == (address.vendor, address.product) and address.serial in (None, one.serial)
                for one in usb_printer_files()
            )
        case TcpAddress():
            return False
