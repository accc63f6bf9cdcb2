"""The clock is set back below messages that wait: they leave when they would have, and not hours later."""

from __future__ import annotations

import pytest

from chatbot.platform import SendFailed, SendRetry
from tests.chatbot.test_push import OLGA, Desk, desk, notice

__all__ = ["desk"]
HOURS = 2 * 3_600_000


async def test_a_chat_that_was_spoken_to_is_spoken_to_again(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.pusher.push((notice("before"),))
    await desk.post.until(lambda: desk.post.titles(OLGA) == ["before"])
    desk.clock.advance(-HOURS)
    desk.pusher.push((notice("after"),))
    await desk.pass_time(2_000)
    assert desk.post.titles(OLGA) == ["before", "after"]


@pytest.mark.parametrize("failure", [SendRetry(30), SendFailed("the network is gone")])
async def test_what_waits_for_another_try_gets_it(desk: Desk, failure: Exception) -> None:
    await desk.pusher.start([desk.post])
    desk.post.answers[OLGA].append(failure)
    desk.pusher.push((notice("first"), notice("second")))
    await desk.post.until(lambda: len(desk.post.attempts) == 1)
    await desk.pass_time(100)
    desk.clock.advance(-HOURS)
    desk.pusher.push((notice("third"),))
    for _ in range(40):
        await desk.pass_time(1_000)
    assert desk.post.titles(OLGA) == ["first", "second", "third"]
