"""What a recount finds: one figure that is off, where it stands, what it should be and what it is."""

from typing import Any, Final

from msgspec import Struct

findings_max: Final = 1_000
"""More than these are counted and not kept: a broken table is broken after a thousand rows too."""

text_characters_max: Final = 200


class Finding(Struct, frozen=True):
    """`check` names what was recounted, `where` the row."""

    check: str
    where: str
    expected: str
    found: str


class Findings:
    """The findings of one recount, and how many things were looked at."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count = 0
        self.looked_at: dict[str, int] = {}

    def add(self, check: str, where: object, expected: object, found: object) -> None:
        self.count += 1
        if len(self.kept) < findings_max:
            self.kept.append(Finding(check, _text(where), _text(expected), _text(found)))

    def compare(self, check: str, where: object, expected: object, found: object) -> None:
        """Look at one figure."""
        self.looked(check)
        if expected != found:
            self.add(check, where, expected, found)

    def compare_tables(self, check: str, expected: dict[Any, Any], found: dict[Any, Any]) -> None:
        """Look at each row of a table against what it should be; a row that is nothing but zeros may be absent."""
        for key in expected.keys() | found.keys():
            self.compare(check, key, _or_none(expected.get(key)), _or_none(found.get(key)))

    def looked(self, check: str, times: int = 1) -> None:
        self.looked_at[check] = self.looked_at.get(check, 0) + times


def _or_none(value: Any) -> Any:
    if value in (None, 0) or (isinstance(value, list | tuple) and not any(value)):
        return None
    return list(value) if isinstance(value, tuple) else value


def _text(value: object) -> str:
    if isinstance(value, tuple):
        text = " ".join(str(part) for part in value)
    else:
        text = "nothing" if value is None else str(value)
    return text if len(text) <= text_characters_max else text[: text_characters_max - 1] + "…"
