"""Nothing is installed on a till or a server that no module imports."""

import re
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ_BY_OTHERS = {"tzdata"}  # by zoneinfo, where the system has no time zones
NAME = re.compile(r"[A-Za-z0-9-]+")


def named() -> set[str]:
    """What pyproject.toml names for those who install one of the three programs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    found = {match[0].lower() for wanted in lists for one in wanted if (match := NAME.match(one))}
    return found - {"tillstream"}


def test_each_package_that_is_named_is_imported() -> None:
    modules: dict[str, list[str]] = {}
    for module, packages in packages_distributions().items():
        for package in packages:
            modules.setdefault(package.lower().replace("_", "-"), []).append(module)
    sources = subprocess.run(
        ["git", "grep", "-hE", r"import|_PACKAGES = ", "--", *(f"{room}/*.py" for room in
         ("protocol", "hardware", "terminal_agent", "central", "migrations"))],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    unused = [
        package
        for package in sorted(named() - READ_BY_OTHERS)
        if not any(re.search(rf"\b{re.escape(module)}\b", sources) for module in modules.get(package, []))
    ]

    assert unused == []
