"""The OpenAPI document, made from the routes: what is not a route is not in it, and the other way round."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from central.http.problems import media_type
from central.http.request import Request
from central.http.routes import PUBLIC, Route, json_alone

path: Final = "/v1/openapi.json"
_part: Final = re.compile(r"\{([a-z_]+)(:int)?\}")


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document for these routes, with `x-roles` on each."""
    kinds = [kind for route in routes for kind in (route.request, route.answer, route.query) if kind is not None]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(map(id, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        place = _part.sub(r"{\1}", route.path)
        paths.setdefault(place, {})[route.method.lower()] = _operation(route, by_kind, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tillstream central", "version": "1", "license": {"name": "Apache-2.0"}},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**components, "Problem": _problem_schema},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def openapi_route(routes: Sequence[Route]) -> Route:
    """The route that answers with the document of `routes` and of itself."""

    async def openapi(_request: Request) -> web.Response:
        return web.Response(body=text, content_type="application/json", headers={"Cache-Control": "no-cache"})

    route = Route(
        method="GET", path=path, handler=openapi, roles=PUBLIC, summary="This document", session=False, raw=True
    )
    text = msgspec.json.encode(document([*routes, route]))
    return route


def _operation(route: Route, by_kind: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": route.handler.__name__,
        "x-roles": sorted(route.roles) if route.roles is not PUBLIC else ["public"],
        "parameters": _parameters(route, by_kind, components),
        "responses": {
            str(route.success): _answer(route, by_kind),
            "default": {
                "description": "A problem (RFC 9457)",
                "content": {media_type: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }
    if route.roles is not PUBLIC:
        operation["security"] = [{"bearer": []}]
    if route.request is not None:
        content = {kind: {"schema": by_kind[id(route.request)]} for kind in route.request_media_types}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.request_media_types != json_alone:
        lines = {kind: {"schema": {"type": "string"}} for kind in route.request_media_types}
        operation["requestBody"] = {"required": True, "content": lines}
    return operation


def _answer(route: Route, by_kind: dict[int, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if route.answer is not None:
        schema = {"schema": by_kind[id(route.answer)]}
        answer["content"] = dict.fromkeys(route.answer_media_types, schema)
    return answer


def _parameters(route: Route, by_kind: dict[int, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for name, integer in _part.findall(route.path):
        schema = {"type": "integer"} if integer else {"type": "string"}
        if name.endswith("_id"):
            schema["format"] = "uuid"
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    if route.query is not None:
        reference = by_kind[id(route.query)].get("$ref", "").rpartition("/")[2]
        query = components[reference]
        for name, schema in query["properties"].items():
            required = name in query.get("required", ())
            parameters.append({"name": name, "in": "query", "required": required, "schema": schema})
    if route.create:
        schema_of_key = {"type": "string", "minLength": 1, "maxLength": 255}
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema_of_key})
    return parameters


_problem_schema: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "line": {"type": "integer"},
        "sequence": {"type": "integer"},
    },
}
