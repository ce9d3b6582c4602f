"""JSON merge patch (RFC 7396): null clears, absent leaves."""

from typing import Any


def merge(target: Any, patch: Any) -> Any:
    """The target with the patch merged in; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged
