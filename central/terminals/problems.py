"""What terminals are refused with."""

from central.http import Forbidden, Problem


class Revoked(Problem):
    """The enrolment that is calling was revoked; enrol the terminal anew."""

    code = "revoked"

    def __init__(self) -> None:
        super().__init__("this terminal's enrolment was revoked; get a new code from the back office and enrol it anew")


class ReplacedEpoch(Forbidden):
    """The terminal was enrolled anew since; this key may still deliver what its disk holds, and nothing else."""

    def __init__(self) -> None:
        super().__init__("a newer enrolment took this one's place; it may only deliver its journal")


class EnrolmentRefused(Problem):
    """The code is wrong, used or expired, the proof is bad, or the key was enrolled before."""

    code = "enrolment-refused"

    def __init__(self) -> None:
        super().__init__("the code, the proof or the key is not good; get a new code from the back office")
