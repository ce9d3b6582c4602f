"""Changes on their way down to the terminals: the change log, snapshots, deltas, and the long poll."""

from central.downlink.change_log import RecordedChange, head, prune_receipts, record, topic, wake
from central.downlink.following import Follower, register
from central.downlink.routes import ROUTES
from central.downlink.sources import Loader, Recipient, Sources

__all__ = [
    "ROUTES",
    "Follower",
    "Loader",
    "Recipient",
    "RecordedChange",
    "Sources",
    "head",
    "prune_receipts",
    "record",
    "register",
    "topic",
    "wake",
]
