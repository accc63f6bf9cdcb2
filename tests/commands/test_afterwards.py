"""What is sent after the answer: slow words reach the person in private, and nothing that breaks there is felt here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from commands.library.why import why
from commands.registry import Registry, command_of
from commands.reply import Card, Reply, Text
from data.decisions import Decision
from tests.commands.fake_desk import FakeDesk
from tests.commands.house import House, World, commands_of
from tests.commands.worlds import bot_view, sample_decision


class SlowModel:
    """Explains when it is let; ``words`` may be an error to raise instead."""

    def __init__(self, words: str | Exception | None = "the price fell") -> None:
        """Say ``words``."""
        self.words = words
        self.gate = asyncio.Event()
        self.thinking = asyncio.Event()
        self.asked: list[str] = []
        self.given_up = False

    async def explain(self, decision: Decision, facts: Sequence[str], /) -> str | None:
        """Wait, and explain."""
        self.asked.append(decision.id)
        self.thinking.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise
        if isinstance(self.words, Exception):
            raise self.words
        return self.words


class Post:
    """Takes what is delivered; a person's address may be broken."""

    def __init__(self, broken: str = "") -> None:
        """Fail to deliver to ``broken``."""
        self.broken = broken
        self.delivered: list[tuple[str, Reply]] = []

    async def deliver(self, person: str, reply: Reply) -> None:
        """Deliver."""
        if person == self.broken:
            raise OSError("the platform is gone")
        self.delivered.append((person, reply))


def house_of(model: SlowModel, post: Post | None) -> House:
    desk = FakeDesk(bot_view(1))
    desk.decided = [sample_decision(bot_view(1), 101)]
    registry = Registry([*commands_of(World()), command_of(why)])
    return House(registry=registry, desk=desk, deliver=post.deliver if post else None, explainer=model)


async def finish() -> None:
    """Let everything that is under way come to its end."""
    me = asyncio.current_task()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not me), return_exceptions=True)


async def test_the_facts_do_not_wait_for_the_words() -> None:
    model, post = SlowModel(), Post()
    house = house_of(model, post)
    (card,) = await house.say("/why d101", "vera", private=False)
    assert isinstance(card, Card)
    assert post.delivered == []
    model.gate.set()
    await finish()
    ((person, said),) = post.delivered
    assert person == "telegram:vera"
    assert isinstance(said, Text)
    assert "101" in said.text
    assert "the price fell" in said.text
    assert model.asked == ["101"]


async def test_where_nothing_can_be_sent_later_the_answer_has_the_words() -> None:
    model = SlowModel()
    model.gate.set()
    card, said = await house_of(model, None).say("/why d101")
    assert isinstance(card, Card)
    assert isinstance(said, Text)
    assert "the price fell" in said.text


async def test_without_words_nothing_is_sent() -> None:
    model, post = SlowModel(None), Post()
    await house_of(model, post).say("/why d101")
    model.gate.set()
    await finish()
    assert model.asked == ["101"]
    assert post.delivered == []


async def test_what_breaks_afterwards_is_logged_and_disturbs_nobody() -> None:
    model, post = SlowModel(RuntimeError("out of memory")), Post()
    house = house_of(model, post)
    await house.say("/why d101")
    model.gate.set()
    await finish()
    assert post.delivered == []
    model.words = "the price rose"
    await house.say("/why d101")
    await finish()
    assert len(post.delivered) == 1


async def test_a_delivery_that_fails_does_not_keep_others_from_theirs() -> None:
    model, post = SlowModel(), Post(broken="telegram:vera")
    house = house_of(model, post)
    for user in ("vera", "tim"):
        await house.say("/why d101", user)
    model.gate.set()
    await finish()
    assert [person for person, _ in post.delivered] == ["telegram:tim"]


async def test_stopping_gives_up_what_would_still_be_sent() -> None:
    model, post = SlowModel(), Post()
    house = house_of(model, post)
    await house.say("/why d101")
    await model.thinking.wait()
    await house.dispatcher.stop()
    model.gate.set()
    await finish()
    assert model.given_up
    assert post.delivered == []
    await house.dispatcher.stop()
