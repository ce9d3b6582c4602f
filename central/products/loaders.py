"""What a terminal is sent of the catalogue: what `GET …/{id}` answers, a product with its own location's prices alone.

The contract, sections 5 and 12. An id that does not come back is one that does not apply there, or no more.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from central.downlink import Loader, Recipient
from central.products import catalogue, price_rules, tax_groups
from central.tenant_session import TenantSession
from protocol.downlink import Entity


async def products(session: TenantSession, recipient: Recipient, ids: Sequence[str]) -> Mapping[str, object]:
    """Products in the catalogue, with the prices by place and date of the recipient's location."""
    found = await catalogue.load(session, ids, recipient.location_id)
    return {str(product_id): product for product_id, product in found.items()}


async def groups(session: TenantSession, recipient: Recipient, ids: Sequence[str]) -> Mapping[str, object]:
    """Tax groups; each says itself where and when its components count."""
    found = await tax_groups.load(session, [UUID(one) for one in ids])
    return {str(tax_group_id): group for tax_group_id, group in found.items()}


async def rules(session: TenantSession, recipient: Recipient, ids: Sequence[str]) -> Mapping[str, object]:
    """Price rules that count at the recipient's location."""
    found = await price_rules.load(session, [UUID(one) for one in ids], recipient.location_id)
    return {str(price_rule_id): rule for price_rule_id, rule in found.items()}


LOADERS: Final[dict[Entity, Loader]] = {"product": products, "tax_group": groups, "price_rule": rules}
