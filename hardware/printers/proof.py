"""How a printer proves that a job is on paper: the question at the job's end, and which answer is the proof.

A process id (`GS ( H`, Epson TM-T20, TM-T88IV and later) is answered when the printing is completed and names its
job. A barrier (`GS r 1`) is answered in order, after everything before it was processed, and names nothing.
"""

from __future__ import annotations

from typing import Literal

from hardware.printers.replies import PROCESS_ID_HEADER, BlockAnswer, Reply, ShortAnswer

ProofKind = Literal["process-id", "barrier", "none"]

# Characters with bit 4 clear, so that no byte of an id looks like an answer in real time or an automatic status.
_ALPHABET = b"@ABCDEFGHIJKLMNO`abcdefghijklmno"
job_ids_max = len(_ALPHABET) ** 4


def process_id(job_id: int) -> bytes:
    """The four characters that travel for this job; they come round after `job_ids_max` jobs."""
    characters = bytearray()
    rest = job_id % job_ids_max
    for _ in range(4):
        rest, place = divmod(rest, len(_ALPHABET))
        characters.append(_ALPHABET[place])
    return bytes(reversed(characters))


def proof_request(kind: ProofKind, job_id: int) -> bytes:
    """The bytes that end a job; none where the printer gives no proof."""
    if kind == "process-id":
        return b"\x1d\x28\x48\x06\x00\x30\x30" + process_id(job_id)
    if kind == "barrier":
        return b"\x1d\x72\x01"
    return b""


def proves(kind: ProofKind, job_id: int, reply: Reply) -> bool:
    """Whether this answer proves that the job was printed."""
    if kind == "process-id":
        return (
            isinstance(reply, BlockAnswer)
            and reply.header == PROCESS_ID_HEADER
            and reply.data == b"\x22" + process_id(job_id)
        )
    return kind == "barrier" and isinstance(reply, ShortAnswer)
