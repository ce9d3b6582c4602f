"""Nothing of one tenant ever came to another: by no row, by no answer, by no replica."""

import json
from collections.abc import Iterator

from tests.simulation.evidence import Evidence


def no_row_of_another_tenant(evidence: Evidence) -> Iterator[str]:
    for tenant in evidence.tenants:
        others = [other for other in evidence.tenants if other is not tenant]
        canaries = [
            text.encode()
            for other in others
            for text in (other.tenant_id, other.canary, *other.location_of, *other.zones)
        ]
        for answer in tenant.heard:
            for canary in canaries:
                if canary in answer:
                    yield f"{tenant.canary} heard {canary.decode()}: {answer[:200]!r}"
        for replica in evidence.replicas:
            if replica.name.startswith(tenant.canary):
                text = json.dumps(list(replica.followed.values())).encode()
                for canary in canaries:
                    if canary in text:
                        yield f"{replica.name} has {canary.decode()} in its replica"
        for table in evidence.tables:
            for row in evidence.of(tenant, table):
                terminal_id = row.get("terminal_id")
                if terminal_id is not None and str(terminal_id) not in tenant.location_of:
                    yield f"{tenant.canary} has a row of terminal {terminal_id} in {table}"
