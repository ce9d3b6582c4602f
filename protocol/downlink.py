"""Changes on their way down: entities, their order in a snapshot, and the messages of a terminal's contact.

The contract, section 5.
"""

from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

Entity: TypeAlias = Literal["setting", "cashier", "tax_group", "price_rule", "product", "receipt"]
Operation: TypeAlias = Literal["put", "delete"]

# The order of a snapshot: a till can sign people in before it knows prices, and sell before it can refund.
SNAPSHOT_ORDER: Final[tuple[Entity, ...]] = (
    "setting",
    "cashier",
    "tax_group",
    "price_rule",
    "product",
    "receipt",
)
settings_id: Final = "settings"
changes_max: Final = 1_000
wait_seconds_max: Final = 60
status_seconds: Final = 60.0


class Change(Struct, frozen=True):
    """One entity as it is now, or that it no longer is."""

    entity: Entity
    id: str
    op: Operation
    data: dict[str, Any] | None = None


class ChangesAnswer(Struct, frozen=True):
    """A page of changes; `more` says that the next page is there already."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool
    catalogue_through: str


class DeviceStatus(Struct, frozen=True):
    id: str
    kind: str
    state: str


class TerminalStatus(Struct, frozen=True, kw_only=True):
    """What a terminal says of itself at each contact (`POST /v1/sync/status`)."""

    agent_version: str
    pending: int
    oldest_pending_at: str | None = None
    catalogue_through: str | None = None
    clock_offset_ms: int | None = None
    disk_free_bytes: int | None = None
    open_shift: str | None = None
    devices: tuple[DeviceStatus, ...] = ()
