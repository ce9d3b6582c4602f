"""The long poll: a terminal waits for changes without holding a connection, and one poll at a time.

Listen, look, wait, look again: what commits between a look and the wait has already woken the signal. A wake-up that
gets lost costs `look_again_seconds`.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from msgspec import Struct

from central.downlink.change_log import topic
from central.downlink.cursor import Cursor, CursorError, CursorOwner, DeltaCursor, read_cursor, write_cursor
from central.downlink.pages import Page, read_page
from central.downlink.problems import CursorGone
from central.downlink.sources import Sources
from central.http import Services
from central.tenant_session import Caller, tenant_session
from central.wakeups import Signal

look_again_seconds: Final = 10.0
key_purpose: Final = "downlink_cursor"


class Poll(Struct, eq=False):
    """One long poll of a terminal."""

    signal: Signal
    over: bool = False
    """A second poll of the terminal took its place."""


class Follower:
    """Who follows, in one process: the loaders, and the polls that wait."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._polls: dict[tuple[UUID, UUID | None], Poll] = {}
        self.sources: Sources | None = None

    async def follow(
        self, caller: Caller, cursor_text: str | None, *, limit: int, wait_seconds: float, gone: Callable[[], bool]
    ) -> tuple[Page, str]:
        """The next page and its cursor's text; held up to `wait_seconds` where there is nothing new.

        `gone` says whether the client still waits. Raises `CursorGone`, and what the recipient's reader raises.
        """
        if caller.terminal_id is None or caller.location_id is None:
            raise TypeError("only a terminal follows the changes")
        if wait_seconds <= 0 or cursor_text is None:
            page, text, _ = await self._look(caller, cursor_text, limit, None)
            return page, text
        topics = (topic(caller.tenant_id, caller.tenant_id), topic(caller.tenant_id, caller.location_id))
        until = asyncio.get_running_loop().time() + wait_seconds
        async with self._services.wakeups.listen(*topics) as signal:
            with self._one_poll(caller, signal) as poll:
                poll_id = self._services.ids()
                begun = False
                while True:
                    page, text, waits = await self._look(caller, cursor_text, limit, poll_id, begun=begun)
                    left = until - asyncio.get_running_loop().time()
                    if not waits or poll.over or signal.stopped or left <= 0 or gone():
                        return page, text
                    begun = True
                    await signal.wait(min(left, look_again_seconds))

    async def _look(
        self, caller: Caller, cursor_text: str | None, limit: int, poll_id: UUID | None, *, begun: bool = False
    ) -> tuple[Page, str, bool]:
        """The page, its cursor's text, and whether this poll may wait for a better one."""
        if self.sources is None:
            raise RuntimeError("no loaders: register them where the program is put together")
        now = self._services.clock()
        key = self._services.keys[key_purpose]
        async with tenant_session(self._services.database, caller) as session:
            recipient, incarnation = await self.sources.recipient(session, now)
            owner = CursorOwner(
                caller.tenant_id, recipient.location_id, recipient.terminal_id, recipient.epoch, incarnation
            )
            cursor = _read(cursor_text, owner, key)
            page = await read_page(session, self.sources, recipient, cursor, limit, now)
            waits = isinstance(cursor, DeltaCursor) and not page.changes and not page.more
            if waits and poll_id is not None:
                if not begun:
                    await self.sources.begin_poll(session, poll_id)
                elif recipient.polling != poll_id:
                    waits = False  # a second poll of this terminal waits on another node
        return page, write_cursor(page.cursor, owner, key), waits

    @contextmanager
    def _one_poll(self, caller: Caller, signal: Signal) -> Iterator[Poll]:
        """This is the terminal's poll now; an earlier one in this process ends at once."""
        name = (caller.tenant_id, caller.terminal_id)
        earlier = self._polls.get(name)
        if earlier is not None:
            earlier.over = True
            earlier.signal.wake()
        poll = self._polls[name] = Poll(signal)
        try:
            yield poll
        finally:
            if self._polls.get(name) is poll:
                del self._polls[name]


def register(services: Services, sources: Sources) -> None:
    """Hand in where the data of changes comes from; once, where the program is put together."""
    services.of(Follower).sources = sources


def _read(text: str | None, owner: CursorOwner, key: bytes) -> Cursor | None:
    if text is None:
        return None
    try:
        return read_cursor(text, owner, key)
    except CursorError as error:
        raise CursorGone from error
