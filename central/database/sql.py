"""Reads SQL that stands as SQL: a `queries.sql` beside its repository, each statement under its name.

    -- apply_batch --
    -- Store, order and post one tenant's batch; rows in key order so that writers never deadlock.
    insert into till.events …

The tenant is always `$1`.
"""

import re
from pathlib import Path
from typing import Final

_heading: Final = re.compile(r"^-- ([a-z][a-z0-9_]*) --[ \t]*$", re.MULTILINE)


class Queries:
    """The statements of one file, each an attribute."""

    def __init__(self, statements: dict[str, str], source: str) -> None:
        self._statements = statements
        self._source = source

    def __getattr__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self._source} has no statement -- {name} --") from None

    def __dir__(self) -> list[str]:
        return sorted(self._statements)


def load_queries(path: str | Path) -> Queries:
    """The statements of a file; mostly `load_queries(Path(__file__).with_name("queries.sql"))`.

    Raises `ValueError` for a name that stands twice or a file without statements.
    """
    text = Path(path).read_text(encoding="utf-8")
    _, *parts = _heading.split(text)
    names, bodies = parts[::2], parts[1::2]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{path} has no statements, or a name twice")
    return Queries({name: body.strip() for name, body in zip(names, bodies, strict=True)}, str(path))
