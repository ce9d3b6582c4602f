"""Where the data of a change comes from: a loader for each entity, given by the domain that owns it.

This domain lies below all of them, so they are handed in where the program is put together (`central.app`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct, field

from central.tenant_session import TenantSession


class Recipient(Struct, frozen=True, kw_only=True):
    """The terminal that a page is for, and its location."""

    terminal_id: UUID
    epoch: int
    location_id: UUID
    pin_key: bytes
    polling: UUID | None
    """The terminal's last long poll."""
    timezone: str
    today: date
    """The date in the location's zone."""
    receipt_days: int
    """How many days of receipts a terminal of this location keeps."""
    name: str
    code: str
    address: str | None
    tax_number: str | None
    receipt_header: str | None
    receipt_footer: str | None
    locale: str | None


Loader: TypeAlias = Callable[[TenantSession, Recipient, Sequence[str]], Awaitable[Mapping[str, object]]]
"""What some ids of an entity are now, for this recipient; an id that it does not get is left out.

At most `protocol.downlink.changes_max` ids a call.
"""

RecipientReader: TypeAlias = Callable[[TenantSession, datetime], Awaitable[tuple[Recipient, UUID]]]
"""The terminal that the session's caller is, at a time, and the database's incarnation.

Raises a problem where the terminal may not follow (revoked, replaced).
"""


class Sources(Struct, kw_only=True):
    """The loaders of one program."""

    recipient: RecipientReader
    begin_poll: Callable[[TenantSession, UUID], Awaitable[None]]
    """Note which long poll is the terminal's now."""
    loaders: Mapping[str, Loader] = field(default_factory=dict)
