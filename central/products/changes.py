"""How a thing of the catalogue is changed: ids and time from outside, merge patches, revisions that went stale."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from central.http import StaleRevision
from central.http.bodies import invalid
from central.http.merge_patch import merge
from central.products.checks import check_nesting

Body = TypeVar("Body", bound=msgspec.Struct)


class Making(NamedTuple):
    """What a rule does not make itself: ids, and the time."""

    ids: Callable[[], UUID]
    now: datetime


def check_revision(current: int, patch: dict[str, Any]) -> None:
    """Raise `StaleRevision` where the body bears a revision that is not the current one."""
    if "revision" in patch and patch["revision"] is not None and patch["revision"] != current:
        raise StaleRevision("it was changed since; read it again and repeat the change on what it is now")


def patched(shape: type[Body], current: msgspec.Struct, patch: dict[str, Any]) -> Body:
    """`current` under a merge patch (RFC 7396), read again as `shape`; raises `Invalid` with the field."""
    check_nesting(patch)
    fields = {name: getattr(current, name) for name in shape.__struct_fields__ if hasattr(current, name)}
    return read_body(shape, merge(msgspec.to_builtins(fields), patch))


def read_body(shape: type[Body], fields: Any) -> Body:
    """`fields` as a body of this shape; raises `Invalid` with the field that is wrong."""
    try:
        return msgspec.convert(fields, shape)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
