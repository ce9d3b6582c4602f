"""Which product ids were ever in the catalogue; asked for every line of every sale, so what is known is remembered."""

from collections import OrderedDict
from collections.abc import Set
from typing import Final
from uuid import UUID

from central.products.catalogue_revision import SQL
from central.tenant_session import TenantSession

known_ids_max: Final = 300_000
"""Ids remembered in a process, of all tenants together; the tenant that was asked for longest ago goes first."""

_none: Final[frozenset[UUID]] = frozenset()
_known: Final[OrderedDict[UUID, set[UUID]]] = OrderedDict()


async def unknown(session: TenantSession, product_ids: Set[UUID]) -> Set[UUID]:
    """Those of the ids that never were products of this tenant; withdrawn ones were.

    An id never becomes unknown again, so a remembered yes needs no database; a no is asked anew each time.
    """
    asked = product_ids - _known.get(session.tenant_id, _none)
    if not asked:
        return _none
    rows = await session.driver.fetch(SQL.known_products, session.tenant_id, list(asked))
    found = {row["product_id"] for row in rows}
    session.after_commit(lambda: _remember(session.tenant_id, found))
    return asked - found


async def _remember(tenant_id: UUID, found: set[UUID]) -> None:
    """Keep committed ids alone: those of a transaction that is rolled back were never there."""
    _known.setdefault(tenant_id, set()).update(found)
    _known.move_to_end(tenant_id)
    while sum(map(len, _known.values())) > known_ids_max:
        _known.popitem(last=False)
