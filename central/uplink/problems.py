"""What a body of events, a resolution or a declaration of loss can be refused with."""

from central.http import Problem


class BadEncoding(Problem):
    """The body is broken, cut off, or goes on after its end."""

    code = "bad-encoding"


class LineTooLong(Problem):
    """`line` is longer than a line may be; it counts from 1."""

    code = "line-too-long"

    def __init__(self, detail: str, *, line: int) -> None:
        super().__init__(detail, line=line)


class BadSignature(Problem):
    """`Chain-Signature` is missing, or not the epoch's key's over the last line."""

    code = "bad-signature"


class BadEnvelope(Problem):
    """`line` is not an event that follows the one before it."""

    code = "bad-envelope"

    def __init__(self, detail: str, *, line: int) -> None:
        super().__init__(detail, line=line)


class ChainFork(Problem):
    """Another event already has this sequence; enrol the terminal anew to go on. The lines are kept as a branch."""

    code = "chain-fork"

    def __init__(self, *, sequence: int, branch: int, kept_through: int) -> None:
        super().__init__(sequence=sequence, branch=branch, kept_through=kept_through)


class TooFarAhead(Problem):
    """Too much is missing before this body; send that first. Nothing of the body is stored."""

    code = "too-far-ahead"

    def __init__(self, missing: tuple[tuple[int, int], ...]) -> None:
        super().__init__(missing=missing)


class BranchFull(Problem):
    """The branch holds as many lines as it may; resolve it first. Nothing of the body is stored."""

    code = "branch-full"

    def __init__(self, branch: int) -> None:
        super().__init__(headers={"Retry-After": "300"}, branch=branch)


class AlreadyResolved(Problem):
    """The branch was adopted or discarded before; that decision stands."""

    code = "already-resolved"
