"""What a terminal keeps of receipts: those of its location, in the form that a refund needs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from central.downlink import Loader, Recipient
from central.sales import receipt_elements
from central.tenant_session import TenantSession


async def load_receipts(session: TenantSession, recipient: Recipient, ids: Sequence[str]) -> Mapping[str, Any]:
    """Receipts of the recipient's location by sale_id or refund_id."""
    return await receipt_elements.of_location(session, recipient.location_id, ids)


LOADERS: Final[dict[str, Loader]] = {"receipt": load_receipts}
