"""No module grows past the size at which a reader loses his way in it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("protocol", "hardware", "terminal_agent", "central", "migrations", "demo", "benchmarks", "tests")
lines_max = 600
names_refused = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}

MODULES = sorted(module for package in PACKAGES for module in (ROOT / package).rglob("*.py"))


def named(module: Path) -> str:
    return str(module.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_is_no_longer_than_600_lines(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= lines_max


def test_no_module_has_a_name_that_says_nothing() -> None:
    refused = [named(module) for module in MODULES if names_refused & {module.stem, *module.relative_to(ROOT).parts}]

    assert refused == []


def test_a_module_opens_with_a_sentence_that_says_what_it_holds() -> None:
    silent = [
        named(module)
        for module in MODULES
        if module.stem != "__init__" and not ast.get_docstring(ast.parse(module.read_text()))
    ]

    assert silent == []
