"""Units of measure: the codes of UN/ECE Recommendation 20, revision 17, those marked deleted apart (`units.txt`)."""

from importlib.resources import files
from typing import Final

UNITS: Final = frozenset(files(__package__).joinpath("units.txt").read_text("ascii").split())
