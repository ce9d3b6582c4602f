"""Locations, terminals, their enrolment, keys, tokens, and each epoch's position."""

from central.terminals.epoch_position import (
    EpochKeyPair,
    EpochPosition,
    PositionMove,
    Ranges,
    missing_ranges,
    shown,
)
from central.terminals.locations import known_locations, location, timezones
from central.terminals.positions import (
    EpochKey,
    admit,
    cached_public_key,
    epochs_in_turn,
    lock_positions,
    mark_forked,
    mark_lost,
    mark_suspect,
    move_positions,
    next_branch,
    position,
    public_key,
    refuse_revoked,
)
from central.terminals.problems import ReplacedEpoch, Revoked
from central.terminals.recipient import begin_poll, recipient
from central.terminals.repository import after_restore
from central.terminals.routes import ROUTES
from central.terminals.shapes import Location
from central.terminals.tokens import authenticate_token, terminal_caller

__all__ = [
    "ROUTES",
    "EpochKey",
    "EpochKeyPair",
    "EpochPosition",
    "Location",
    "PositionMove",
    "Ranges",
    "ReplacedEpoch",
    "Revoked",
    "admit",
    "after_restore",
    "authenticate_token",
    "begin_poll",
    "cached_public_key",
    "epochs_in_turn",
    "known_locations",
    "location",
    "lock_positions",
    "mark_forked",
    "mark_lost",
    "mark_suspect",
    "missing_ranges",
    "move_positions",
    "next_branch",
    "position",
    "public_key",
    "recipient",
    "refuse_revoked",
    "shown",
    "terminal_caller",
    "timezones",
]
