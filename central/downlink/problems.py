"""What a terminal that follows the changes is refused with."""

from central.http import Problem


class CursorGone(Problem):
    """The cursor is too old, or of another terminal, epoch, location or life of the database."""

    code = "cursor-gone"

    def __init__(self) -> None:
        super().__init__("this cursor is no longer good; start again without one")
