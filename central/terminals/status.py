"""How a terminal stands: one word for the back office, its lag, and whether its journal contradicts what is stored."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from central.terminals.epoch_position import EpochPosition, missing_ranges, read_ranges, shown
from central.terminals.shapes import ReportedStatus, Status, Terminal
from protocol.downlink import DeviceStatus


def status_of(*, enrolled: bool, revoked: bool, forked: bool, suspect: bool) -> Status:
    """The graver word wins; `forked` counts over all epochs, the others for the newest."""
    if not enrolled:
        return "new"
    if revoked:
        return "revoked"
    if forked:
        return "forked"
    return "suspect" if suspect else "active"


def lag_seconds(now: datetime, last_created_at: datetime | None, reported: ReportedStatus | None) -> int:
    """How far the ledger is behind the terminal, 0 when nothing is pending by the terminal's own status."""
    if reported is not None and reported.pending == 0:
        return 0
    since = last_created_at or (reported.oldest_pending_at if reported else None)
    return 0 if since is None else max(0, int((now - since).total_seconds()))


def contradicts(position: EpochPosition, last_sequence: int | None, last_hash: str | None) -> bool:
    """Whether what a terminal says of its journal cannot be: a clone, an older image, or other lines than came.

    A journal that is longer than what is applied says nothing: the rest is on its way.
    """
    if last_sequence is None or last_sequence > position.applied_through:
        return False
    if last_sequence < position.applied_through:
        return True
    return last_hash is not None and last_hash != position.applied_hash


def read_report(text: str | None) -> ReportedStatus | None:
    """The status that a terminal reported, as it is stored."""
    return None if text is None else msgspec.json.decode(text, type=ReportedStatus)


def terminal_view(row: Mapping[Any, Any], now: datetime) -> Terminal:
    """A row of `terminal_rows` as the API shows it."""
    reported = read_report(row["reported"])
    queued, lost = read_ranges(row["queued"] or "{}"), read_ranges(row["lost"] or "{}")
    applied_through = row["applied_through"] or 0
    return Terminal(
        terminal_id=row["terminal_id"],
        label=row["label"],
        location_id=row["location_id"],
        status=status_of(
            enrolled=row["epoch"] is not None,
            revoked=row["revoked_at"] is not None,
            forked=bool(row["any_forked"]),
            suspect=bool(row["suspect"]),
        ),
        epoch=row["epoch"],
        applied_through=applied_through,
        queued=shown(queued),
        missing=shown(missing_ranges(applied_through, queued, lost)),
        last_seen_at=row["last_seen_at"],
        lag_seconds=lag_seconds(now, row["last_created_at"], reported),
        out_of_service_from=row["out_of_service_from"],
        receipt_prefix=row["receipt_prefix"],
        enrolled_at=row["enrolled_at"],
        reported_at=row["reported_at"],
        agent_version=reported.agent_version if reported else None,
        pending=reported.pending if reported else None,
        oldest_pending_at=_time(reported.oldest_pending_at if reported else None),
        catalogue_through=_time(reported.catalogue_through if reported else None),
        clock_offset_ms=reported.clock_offset_ms if reported else None,
        disk_free_bytes=reported.disk_free_bytes if reported else None,
        open_shift=reported.open_shift if reported else None,
        devices=tuple(DeviceStatus(device.id, device.kind, device.state) for device in reported.devices)
        if reported
        else (),
        revision=row["revision"],
    )


def _time(value: datetime | None) -> str | None:
    return None if value is None else msgspec.to_builtins(value)
