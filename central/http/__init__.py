"""The HTTP frame: routes as data, problems, bodies, idempotency, paging, OpenAPI, health."""

from central.http.paging import PageQuery, page
from central.http.problems import (
    BadCursor,
    BadRequest,
    DatabaseUnavailable,
    Duplicate,
    Forbidden,
    InUse,
    Invalid,
    NotAcceptable,
    NotFound,
    Overloaded,
    Problem,
    RateLimited,
    StaleRevision,
    TooLarge,
    Unauthenticated,
    UnknownReference,
    UnsupportedMediaType,
)
from central.http.request import Request
from central.http.routes import EVERYBODY, MANAGER, OWNER, PUBLIC, TERMINAL, VIEWER, Route
from central.http.services import Services

__all__ = [
    "EVERYBODY",
    "MANAGER",
    "OWNER",
    "PUBLIC",
    "TERMINAL",
    "VIEWER",
    "BadCursor",
    "BadRequest",
    "DatabaseUnavailable",
    "Duplicate",
    "Forbidden",
    "InUse",
    "Invalid",
    "NotAcceptable",
    "NotFound",
    "Overloaded",
    "PageQuery",
    "Problem",
    "RateLimited",
    "Request",
    "Route",
    "Services",
    "StaleRevision",
    "TooLarge",
    "Unauthenticated",
    "UnknownReference",
    "UnsupportedMediaType",
    "page",
]
