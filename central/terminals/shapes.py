"""What the API takes and answers about locations and terminals."""

from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from central.terminals.epoch_position import Ranges
from protocol.downlink import DeviceStatus

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
LocationCode: TypeAlias = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[^\x00-\x20\x7f/]+\Z")]
TimeZone: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Text: TypeAlias = Annotated[str, Meta(max_length=2_000)]
Locale: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*\Z", max_length=35)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]
EpochNumber: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
Status: TypeAlias = Literal["new", "active", "suspect", "forked", "revoked"]

devices_max = 64


class NewLocation(Struct, frozen=True, kw_only=True):
    name: Name
    code: LocationCode
    timezone: TimeZone
    address: Text | None = None
    tax_number: Annotated[str, Meta(max_length=64)] | None = None
    receipt_header: Text | None = None
    receipt_footer: Text | None = None
    locale: Locale | None = None


class LocationPatch(Struct, frozen=True, kw_only=True):
    """A merge patch (RFC 7396): null clears, absent leaves."""

    name: Name | UnsetType = UNSET
    code: LocationCode | UnsetType = UNSET
    timezone: TimeZone | UnsetType = UNSET
    address: Text | UnsetType | None = UNSET
    tax_number: Annotated[str, Meta(max_length=64)] | UnsetType | None = UNSET
    receipt_header: Text | UnsetType | None = UNSET
    receipt_footer: Text | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    revision: Count | UnsetType = UNSET


class Location(Struct, frozen=True, kw_only=True):
    location_id: UUID
    name: str
    code: str
    timezone: str
    address: str | None
    tax_number: str | None
    receipt_header: str | None
    receipt_footer: str | None
    locale: str | None
    revision: int


class Locations(Struct, frozen=True):
    locations: list[Location]
    next_cursor: str | None


class NewTerminal(Struct, frozen=True, kw_only=True):
    location_id: UUID
    label: Name


class TerminalPatch(Struct, frozen=True, kw_only=True):
    label: Name | UnsetType = UNSET
    out_of_service_from: date | UnsetType | None = UNSET
    revision: Count | UnsetType = UNSET


class EnrolmentCode(Struct, frozen=True, kw_only=True):
    """A code that a terminal may enrol with once; it is shown here and nowhere else."""

    terminal_id: UUID
    enrolment_code: str | None
    enrolment_expires_at: datetime


class MadeTerminal(EnrolmentCode, frozen=True, kw_only=True):
    label: str
    location_id: UUID
    revision: int


class Revocation(Struct, frozen=True, kw_only=True):
    epoch: EpochNumber | None = None
    """None: every epoch that the terminal has by now."""


class Terminal(Struct, frozen=True, kw_only=True):
    """A terminal as the back office sees it; what it reported itself is null before it reports."""

    terminal_id: UUID
    label: str
    location_id: UUID
    status: Status
    epoch: int | None
    applied_through: int
    queued: Ranges
    missing: Ranges
    last_seen_at: datetime | None
    lag_seconds: int
    out_of_service_from: date | None
    receipt_prefix: str | None
    enrolled_at: datetime | None
    reported_at: datetime | None
    agent_version: str | None
    pending: int | None
    oldest_pending_at: str | None
    catalogue_through: str | None
    clock_offset_ms: int | None
    disk_free_bytes: int | None
    open_shift: str | None
    devices: tuple[DeviceStatus, ...]
    revision: int


class Terminals(Struct, frozen=True):
    terminals: list[Terminal]
    next_cursor: str | None


class ReportedDevice(Struct, frozen=True):
    id: Annotated[str, Meta(max_length=100)]
    kind: Annotated[str, Meta(max_length=100)]
    state: Annotated[str, Meta(max_length=100)]


class ReportedStatus(Struct, frozen=True, kw_only=True):
    """`POST /v1/sync/status`, bounded: `protocol.downlink.TerminalStatus` is what a terminal sends."""

    agent_version: Annotated[str, Meta(max_length=100)]
    pending: Count
    oldest_pending_at: Time | None = None
    catalogue_through: Time | None = None
    clock_offset_ms: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)] | None = None
    disk_free_bytes: Count | None = None
    open_shift: Annotated[str, Meta(max_length=100)] | None = None
    devices: Annotated[tuple[ReportedDevice, ...], Meta(max_length=devices_max)] = ()
