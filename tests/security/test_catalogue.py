"""What PostgreSQL's own catalogue says of the walls between tenants (facts of the schema, not of our code)."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

WITHOUT_TENANT = {
    "directory",
    "deployment_guesses",
    "deployment_keys",
    "deployment_login",
    "deployment_migration",
    "deployment_state",
}


@pytest.fixture
async def catalogue(superuser_address: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(superuser_address)
    yield connection
    await connection.close()


async def test_the_tables_without_a_tenant_are_the_ones_named_here(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        """
        select relname from pg_class c where relnamespace = 'till'::regnamespace and relkind in ('r', 'p')
        and not exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and attnotnull)
        """
    )

    assert {row["relname"] for row in rows} | {"directory"} == WITHOUT_TENANT


async def test_every_key_and_index_of_a_tenants_table_begins_with_the_tenant(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        """
        select t.relname as table, i.relname as index, a.attname as first, x.indisprimary as is_primary
        from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
        left join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
        where t.relnamespace = 'till'::regnamespace and not t.relname = any($1)
        """,
        sorted(WITHOUT_TENANT),
    )
    tables = await catalogue.fetch(
        "select relname from pg_class where relnamespace = 'till'::regnamespace and relkind in ('r', 'p')"
    )

    assert [(row["table"], row["index"]) for row in rows if row["first"] != "tenant_id"] == []
    assert {row["table"] for row in rows if row["is_primary"]} == {row["relname"] for row in tables} - WITHOUT_TENANT


async def test_every_foreign_key_begins_with_the_tenant_on_both_sides(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        """
        select conname, a.attname as here, b.attname as there
        from pg_constraint k
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
        join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
        where k.contype = 'f' and k.connamespace = 'till'::regnamespace
        """
    )

    assert rows
    assert [row["conname"] for row in rows if (row["here"], row["there"]) != ("tenant_id", "tenant_id")] == []


async def test_row_level_security_is_forced_with_both_checks_on_every_tenants_table(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        """
        select c.relname, c.relrowsecurity and c.relforcerowsecurity as forced,
               array_agg(p.polname::text) as policies,
               bool_and(p.polqual is not null and p.polwithcheck is not null and p.polpermissive
                        and p.polcmd = '*' and p.polroles = '{0}') as both
        from pg_class c left join pg_policy p on p.polrelid = c.oid
        where c.relnamespace = 'till'::regnamespace and c.relkind in ('r', 'p') and not c.relname = any($1)
        group by c.oid
        """,
        sorted(WITHOUT_TENANT),
    )

    assert [
        row["relname"] for row in rows if (row["forced"], row["policies"], row["both"]) != (True, ["tenant"], True)
    ] == []


async def test_every_policy_reads_the_tenant_of_the_transaction(catalogue: Any) -> None:
    rows = await catalogue.fetch(
        "select pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as checking from pg_policy"
    )
    expected = "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)"

    assert {text for row in rows for text in row.values()} == {expected}


async def test_central_serves_as_a_role_that_owns_bypasses_and_belongs_to_nothing(catalogue: Any) -> None:
    role = await catalogue.fetchrow(
        """
        select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
               exists (select from pg_auth_members where member = r.oid or roleid = r.oid) as belongs,
               exists (select from pg_class where relowner = r.oid) as owns_relations,
               exists (select from pg_namespace where nspowner = r.oid) as owns_schemas,
               exists (select from pg_proc where proowner = r.oid) as owns_functions,
               has_schema_privilege(rolname, 'till', 'create') as creates,
               has_schema_privilege(rolname, 'public', 'create') as creates_in_public,
               has_table_privilege(rolname, 'till.deployment_login', 'select') as reads_passwords
        from pg_roles r where rolname = 'till_app'
        """
    )

    assert {name for name, value in role.items() if value} == set()


async def test_there_is_nothing_that_would_not_spread_over_nodes_or_passes_the_walls(catalogue: Any) -> None:
    found = await catalogue.fetch(
        """
        select 'sequence or materialized view or foreign table ' || relname as what from pg_class
            where relnamespace = 'till'::regnamespace and relkind in ('S', 'm', 'f')
        union all select 'trigger ' || tgname from pg_trigger t join pg_class c on c.oid = tgrelid
            where not tgisinternal and relnamespace = 'till'::regnamespace
        union all select 'identity or default from a sequence ' || attname from pg_attribute a
            join pg_class c on c.oid = attrelid where relnamespace = 'till'::regnamespace and attidentity <> ''
        union all select 'security definer ' || proname from pg_proc
            where pronamespace = 'till'::regnamespace and prosecdef
        union all select 'view that is not security_invoker ' || relname from pg_class
            where relnamespace = 'till'::regnamespace and relkind = 'v'
            and not coalesce(reloptions @> '{security_invoker=true}', false)
        union all select 'function for everybody ' || proname from pg_proc
            where pronamespace = 'till'::regnamespace and (proacl is null or proacl::text like '%{=X%')
        """
    )

    assert [row["what"] for row in found] == []


async def test_text_is_ordered_by_code_point(catalogue: Any) -> None:
    rows = await catalogue.fetch("select t from unnest(array['b', 'A', 'a', 'B', 'ä', 'Z']) t order by t")

    assert "".join(row["t"] for row in rows) == "ABZabä"
