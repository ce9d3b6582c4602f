"""The ledger: accounts, the posting of events, entries and balances."""

from central.ledger.posting import EventKey, Posting
from central.ledger.repository import post

__all__ = ["EventKey", "Posting", "post"]
