"""What goes down to a terminal of tenancy: one row, the settings in force at its location and what its receipts say."""

from collections.abc import Sequence
from typing import Final

import msgspec

from central.downlink.sources import Loader, Recipient
from central.tenancy import settings
from central.tenant_session import TenantSession
from protocol.downlink import settings_id

_of_location: Final = (
    "name",
    "code",
    "address",
    "tax_number",
    "receipt_header",
    "receipt_footer",
    "locale",
    "timezone",
)


async def load_settings(session: TenantSession, recipient: Recipient, ids: Sequence[str]) -> dict[str, object]:
    """The settings, and under `location` what a receipt says of the shop."""
    if settings_id not in ids:
        return {}
    data = msgspec.to_builtins(await settings.effective(session, recipient.location_id))
    return {settings_id: {**data, "location": {name: getattr(recipient, name) for name in _of_location}}}


LOADERS: Final[dict[str, Loader]] = {"setting": load_settings}
