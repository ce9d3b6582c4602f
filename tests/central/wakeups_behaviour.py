"""What wake-ups do, whoever carries them: the suite knows no carrier, a test class names one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from central.wakeups import Wakeups

Make = Callable[[], Awaitable[Wakeups]]


class WakeupsBehaviour:
    """Subclasses give `make`, a fixture that makes wake-ups which hear each other."""

    @pytest.fixture
    async def near(self, make: Make) -> Wakeups:
        return await make()

    @pytest.fixture
    async def far(self, near: Wakeups, make: Make) -> Wakeups:
        """Another process's, where the carrier reaches one."""
        return await make()

    @pytest.fixture
    async def signals(self) -> AsyncIterator[AsyncExitStack]:
        async with AsyncExitStack() as stack:
            yield stack

    async def test_who_waits_for_a_topic_is_woken(self, near: Wakeups, far: Wakeups, signals: AsyncExitStack) -> None:
        signal = await signals.enter_async_context(far.listen("changes:1"))
        near.notify("changes:1")

        assert await signal.wait(5) is True

    async def test_a_wake_up_between_looking_and_waiting_is_not_lost(
        self, near: Wakeups, signals: AsyncExitStack
    ) -> None:
        signal = await signals.enter_async_context(near.listen("changes:1"))
        near.notify("changes:1")
        near.notify("changes:1")

        assert await signal.wait(5) is True

    async def test_another_topic_wakes_nobody(self, near: Wakeups, far: Wakeups, signals: AsyncExitStack) -> None:
        other = await signals.enter_async_context(far.listen("changes:2"))
        mine = await signals.enter_async_context(far.listen("changes:1"))
        near.notify("changes:1")

        assert (await mine.wait(5), await other.wait(0)) == (True, False)

    async def test_everybody_who_waits_is_woken(self, near: Wakeups, far: Wakeups, signals: AsyncExitStack) -> None:
        here = await signals.enter_async_context(near.listen("changes:1"))
        there = [await signals.enter_async_context(far.listen("changes:1")) for _ in range(3)]
        near.notify("changes:1")

        assert [await signal.wait(5) for signal in (here, *there)] == [True] * 4

    async def test_nobody_waits_any_longer_when_the_server_stops(self, near: Wakeups, signals: AsyncExitStack) -> None:
        waiting = await signals.enter_async_context(near.listen("changes:1"))
        near.stop()
        later = await signals.enter_async_context(near.listen("changes:1"))

        assert (await waiting.wait(60), await later.wait(60)) == (False, False)

    async def test_who_listens_no_longer_is_forgotten(self, near: Wakeups) -> None:
        async with near.listen("changes:1"):
            pass

        assert near.topics == 0
