"""Changes on their way down: a long poll that follows central's cursor into the replica, page by page."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import structlog

from protocol.downlink import ChangesAnswer, changes_max
from terminal_agent.catalogue import Catalogue
from terminal_agent.central_link import CentralLink, CentralUnreachableError, TokenRefusedError
from terminal_agent.patience import Patience
from terminal_agent.unreachable import answer_in_words

wait_seconds: Final = 25
answer_seconds_max: Final = wait_seconds + 15.0
turned_away_seconds: Final = 5.0
_log = structlog.get_logger()


class Downlink:
    """Keeps the replica of one location up to date."""

    def __init__(
        self,
        link: CentralLink,
        catalogue: Catalogue,
        *,
        patience: Patience,
        chance: random.Random,
        on_change: Callable[[], None],
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._patience = patience
        self._chance = chance
        self._on_change = on_change

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            asked_at = loop.time()
            try:
                found = await self.follow(wait_seconds)
                self._patience.succeeded()
            except (CentralUnreachableError, TokenRefusedError) as error:
                _log.warning("downlink-waits", reason=str(error))
                await self._patience.wait(getattr(error, "retry_after", 0.0))
                continue
            if not found and loop.time() - asked_at < wait_seconds / 2:
                # Another poll of this terminal ended ours (contract, section 5).
                await asyncio.sleep(turned_away_seconds * self._chance.uniform(1.0, 2.0))

    async def follow(self, wait: int) -> bool:
        """One page into the replica; whether it held anything, or more is there already.

        Raises `CentralUnreachableError` and `TokenRefusedError`.
        """
        params = {"limit": str(changes_max), "wait": str(wait)}
        cursor = self._catalogue.progress.cursor
        if cursor is not None:
            params["cursor"] = cursor
        answer = await self._link.request("GET", "/v1/sync/changes", params=params, seconds=answer_seconds_max)
        if answer.status == 410:
            await self._catalogue.begin_snapshot()
            return True
        if answer.status != 200:
            raise CentralUnreachableError(answer_in_words(answer.status, answer.problem), answer.retry_after)
        page = answer.read(ChangesAnswer)
        await self._catalogue.apply(
            page.changes, cursor=page.cursor, catalogue_through=page.catalogue_through, more=page.more
        )
        self._on_change()
        return bool(page.changes) or page.more
