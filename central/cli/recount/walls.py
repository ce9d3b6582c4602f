"""Looks at the walls between tenants: what the role may do, and which tables stand behind row-level security."""

from central.cli.recount.finding import Findings
from central.tenant_session import TenantSession

_ROLE = (
    "select r.rolsuper, r.rolbypassrls, exists (select from pg_auth_members m where m.member = r.oid) as is_member,"
    " exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = 'till' and c.relowner = r.oid) as owns"
    " from pg_roles r where r.rolname = current_user"
)
_TABLES = (
    "select c.relname, c.relrowsecurity, c.relforcerowsecurity,"
    " (select count(*) from pg_policy p where p.polrelid = c.oid and p.polqual is not null"
    "  and (p.polwithcheck is not null or p.polcmd = 'r')) as policies,"
    " (select count(*) from pg_policy p where p.polrelid = c.oid and p.polpermissive"
    "  and pg_get_expr(p.polqual, p.polrelid) not like '%app.tenant_id%') as open_policies"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = 'till' and c.relkind in ('r', 'p') and exists ("
    "  select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)"
    " and c.relname <> 'directory' order by c.relname"
)
_DISTRIBUTED = "select exists (select from pg_extension where extname = 'citus')"


async def look_at_walls(session: TenantSession, findings: Findings) -> None:
    """The role bypasses nothing and owns nothing; each tenant's table has a policy that it cannot get around."""
    role = await session.driver.fetchrow(_ROLE)
    for right in ("rolsuper", "rolbypassrls", "is_member", "owns"):
        findings.compare("role", right, False, role[right])
    forced = not await session.driver.fetchval(_DISTRIBUTED)
    for row in await session.driver.fetch(_TABLES):
        findings.compare("row-level security", row["relname"], True, row["relrowsecurity"])
        if forced:
            findings.compare("row-level security", f"{row['relname']}, forced", True, row["relforcerowsecurity"])
        findings.compare("row-level security", f"{row['relname']}, a policy", True, row["policies"] >= 1)
        findings.compare("row-level security", f"{row['relname']}, policies for all tenants", 0, row["open_policies"])
