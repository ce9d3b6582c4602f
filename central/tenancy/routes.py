"""Settings of a tenant and of its locations, and what was changed."""

from typing import Any, Final
from uuid import UUID

import msgspec

from central.downlink.change_log import RecordedChange, record
from central.http import OWNER, VIEWER, NotFound, Request, Route
from central.tenancy import audit, settings
from central.tenancy.places import unknown_locations
from central.tenant_session import TenantSession
from protocol.downlink import settings_id


async def get_settings(_request: Request, session: TenantSession) -> dict[str, Any]:
    return await _answer(session, None)


async def change_settings(_request: Request, session: TenantSession, body: dict[str, Any]) -> dict[str, Any]:
    return await _change(session, None, body)


async def get_location_settings(request: Request, session: TenantSession) -> dict[str, Any]:
    await _require_location(session, request.path["location_id"])
    return await _answer(session, request.path["location_id"])


async def change_location_settings(request: Request, session: TenantSession, body: dict[str, Any]) -> dict[str, Any]:
    await _require_location(session, request.path["location_id"])
    return await _change(session, request.path["location_id"], body)


async def _require_location(session: TenantSession, location_id: UUID) -> None:
    if await unknown_locations(session, [location_id]):
        raise NotFound


async def _change(session: TenantSession, location_id: UUID | None, body: dict[str, Any]) -> dict[str, Any]:
    before, after = await settings.change(session, location_id, body)
    if before != after:
        entity_id = "settings" if location_id is None else str(location_id)
        old, new = _differing(before, after), _differing(after, before)
        await audit.record(session, "change", "settings", entity_id, old, new)
    answer = await _answer(session, location_id)
    if before != after:
        await record(session, [RecordedChange(location_id or session.tenant_id, "setting", settings_id)])
    return answer


async def _answer(session: TenantSession, location_id: UUID | None) -> dict[str, Any]:
    """The settings in force there, and what this scope itself overrides."""
    tenants_own, locations_own = await settings.read(session, location_id)
    own = tenants_own if location_id is None else locations_own
    built = settings.build(tenants_own.overrides, locations_own.overrides)
    answer: dict[str, Any] = msgspec.to_builtins(built)
    return {**answer, "overridden": sorted(own.overrides), "revision": own.revision}


def _differing(one: settings.Settings, other: settings.Settings) -> dict[str, Any]:
    """The settings of one that are otherwise in the other."""
    return {name: getattr(one, name) for name in sorted(settings.names) if getattr(one, name) != getattr(other, name)}


_patch_types: Final = ("application/json", "application/merge-patch+json")

ROUTES: Final = [
    Route(
        method="GET",
        path="/v1/settings",
        handler=get_settings,
        roles=VIEWER,
        summary="The tenant's settings",
        answer=settings.Settings,
    ),
    Route(
        method="PATCH",
        path="/v1/settings",
        handler=change_settings,
        roles=OWNER,
        summary="Change the tenant's settings; null is the default again",
        request=dict[str, Any],
        request_media_types=_patch_types,
        answer=settings.Settings,
    ),
    Route(
        method="GET",
        path="/v1/locations/{location_id}/settings",
        handler=get_location_settings,
        roles=VIEWER,
        summary="The settings in force at a location",
        answer=settings.Settings,
    ),
    Route(
        method="PATCH",
        path="/v1/locations/{location_id}/settings",
        handler=change_location_settings,
        roles=OWNER,
        summary="Override settings at a location; null is the tenant's again",
        request=dict[str, Any],
        request_media_types=_patch_types,
        answer=settings.Settings,
    ),
    Route(
        method="GET",
        path="/v1/audit",
        handler=audit.list_audit,
        roles=OWNER,
        summary="What was changed, by whom, before and after",
        query=audit.AuditQuery,
        answer=audit.AuditList,
    ),
]
