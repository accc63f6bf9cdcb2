"""The real client with Discord simulated around it: what arrives, what goes back, and what happens when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import simcord
from pydantic import SecretStr

from chatbot.charts.renderer import ChartFailed
from chatbot.platform import Audience, SendFailed, SendRefused, SendRetry
from chatbot.platforms.discord.client import Client
from chatbot.platforms.discord.failures import PATIENCE_SECONDS, translated
from chatbot.platforms.discord.platform import FIRST_PAUSE, DiscordPlatform
from commands.context import Person
from commands.registry import Role, discover
from commands.reply import Button, GridPicture, PnlSeries, Text
from config.schema import Settings
from tests.commands.house import House

SIMULATED_NOW = 1_767_225_600_000


class NoPictures:
    """A drawer without a pen."""

    async def png(self, picture: PnlSeries | GridPicture) -> bytes:
        """Fail."""
        raise ChartFailed("no pen")


async def _hold(_client: Client) -> None:
    await asyncio.get_running_loop().create_future()


def _platform(house: House, **changes: Any) -> DiscordPlatform:
    given: dict[str, Any] = {
        "registry": house.registry, "audience": Audience(house.people, Settings().chat), "pictures": NoPictures(),
        "clock": house.clock, "connect": _hold,
    }  # fmt: skip
    return DiscordPlatform(SecretStr("very-secret"), **(given | changes))


@pytest.fixture
def house() -> House:
    """Return a dispatcher with every command there is, at the hour of simulated Discord."""
    house = House(registry=discover())
    house.clock.advance(SIMULATED_NOW - house.clock.now())
    return house


@pytest.fixture
async def platform(house: House) -> AsyncIterator[DiscordPlatform]:
    """Return a started platform."""
    platform = _platform(house)
    await platform.start(house.dispatcher)
    yield platform
    await platform.stop()


@pytest.fixture
async def env(platform: DiscordPlatform) -> AsyncIterator[Any]:
    """Return Discord, with the platform's client connected."""
    assert platform.client is not None
    env = simcord.Env(platform.client, settle_timeout=20)
    await env.start()
    yield env
    await env.shutdown()


@pytest.fixture
def ana(env: Any, house: House) -> Any:
    """Return an owner."""
    user = env.create_user("ana")
    house.people.put(Person(id=f"discord:{user.id}", name="Ana", role=Role.OWNER))
    return user


def test_every_command_is_declared(ana: Any, house: House) -> None:
    assert set(ana.available_commands()) == {each.name for each in house.registry.all()}


async def test_answers_in_a_server_are_for_one_pair_of_eyes(env: Any, ana: Any) -> None:
    guild = env.create_guild()
    channel, member = guild.create_text_channel("talk"), guild.add_member(ana)
    result = await member.slash(channel, "status")
    assert result.response.ephemeral
    tapped = await member.click(result.response, label="Bots")
    assert tapped.response.ephemeral
    assert not (await ana.slash("status")).response.ephemeral


async def test_codes_are_not_taken_where_others_read(env: Any, ana: Any, house: House) -> None:
    guild = env.create_guild()
    member = guild.add_member(env.create_user("eve"))
    code = house.pairing.invite(Role.VIEWER, "")
    result = await member.slash(guild.create_text_channel("talk"), "pair", code=code)
    assert result.response is None
    assert house.people.get(f"discord:{member.id}") is None


async def test_a_button_belongs_to_whoever_taps_it(env: Any, ana: Any, house: House) -> None:
    guild = env.create_guild()
    channel, eve = guild.create_text_channel("talk"), guild.add_member(env.create_user("eve"))
    await env.bot.get_channel(channel.id).send("look", view=_view("/status"))
    result = await eve.click(channel.last_message, custom_id="/status")
    assert result.response is None
    result = await guild.add_member(ana).click(channel.last_message, custom_id="/status")
    assert result.response.embeds


async def test_completion_offers_what_fits(ana: Any) -> None:
    offered = await ana.autocomplete("grid", "symbol", "bt")
    assert offered == [{"name": "BTC/USDT", "value": "BTC/USDT"}]
    assert [each["value"] for each in await ana.autocomplete("bots", "bot", "")] == ["1"]


async def test_what_completion_did_not_offer_is_refused(ana: Any) -> None:
    result = await ana.slash("grid", symbol="NOSUCH/COIN")
    assert "NOSUCH" in str([each.to_dict() for each in result.response.embeds])


async def test_nothing_is_done_that_nobody_could_be_told_of(env: Any, ana: Any, house: House) -> None:
    env.inject_error("POST", "/interactions/*", status=404, code=10062, message="Unknown interaction")
    await ana.slash("pause", bot="1")
    assert house.desk.asked == []
    await ana.slash("pause", bot="1")
    assert len(house.desk.asked) == 1


async def test_discord_hears_of_a_command_before_anything_else_is_done(env: Any, ana: Any) -> None:
    await ana.slash("status")
    ours = [each for each in env.http_requests if "/interactions/" in each.path or "/webhooks/" in each.path]
    assert ours[0].path.endswith("/callback")
    assert ours[0].json is not None
    assert ours[0].json["type"] == 5


async def test_an_answer_that_cannot_be_shown_breaks_nothing(env: Any, ana: Any) -> None:
    env.inject_error("PATCH", "/webhooks/*", status=500)
    await ana.slash("status")
    assert (await ana.slash("status")).response.embeds
    assert env.errors == []


async def test_buttons_outlive_a_restart(env: Any, ana: Any, house: House, platform: DiscordPlatform) -> None:
    shown = (await ana.slash("status")).response
    await platform.stop()
    again = _platform(house)
    await again.start(house.dispatcher)
    assert again.client is not None
    await env.restart_bot(again.client)
    assert (await ana.click(shown, label="Bots")).response is not None
    await again.stop()


async def test_a_chart_that_cannot_be_drawn_is_told_in_words(ana: Any) -> None:
    shown = (await ana.slash("pnl")).response
    assert shown.attachments == []
    assert shown.embeds[0].image.url is None
    assert shown.embeds[0].title.startswith("SHADOW")


async def test_a_typed_line_is_a_command_in_private_only(env: Any, ana: Any) -> None:
    await ana.send_dm("/status")
    assert ana.dm_channel.last_message.embeds
    guild = env.create_guild()
    channel = guild.create_text_channel("talk")
    await guild.add_member(ana).send(channel, "/status")
    assert len(channel.history()) == 1


async def test_pushes_are_direct_messages(ana: Any, platform: DiscordPlatform) -> None:
    receipt = await platform.send(f"discord:{ana.id}", Text(text="a fill", buttons=(Button("Bots", "/bots"),)), True)
    last = ana.dm_channel.last_message
    assert (str(last.id), last.content, last.flags.suppress_notifications) == (receipt, "a fill", True)
    assert (await ana.click(last, label="Bots")).response is not None


@pytest.mark.parametrize(("status", "code"), [(403, 50007), (404, 10013), (400, 50035)])
async def test_what_can_never_arrive_is_refused(
    env: Any, ana: Any, platform: DiscordPlatform, status: int, code: int
) -> None:
    env.inject_error("POST", "/channels/*/messages", status=status, code=code)
    with pytest.raises(SendRefused, match=str(status)):
        await platform.send(f"discord:{ana.id}", Text(text="hello"), False)


@pytest.mark.parametrize("recipient", ["telegram:1", "discord:", "discord:ana", "discord"])
async def test_a_recipient_of_another_kind_is_refused(ana: Any, platform: DiscordPlatform, recipient: str) -> None:
    with pytest.raises(SendRefused):
        await platform.send(recipient, Text(text="hello"), False)


async def test_what_broke_may_be_sent_again(env: Any, ana: Any, platform: DiscordPlatform) -> None:
    env.inject_error("POST", "/channels/*/messages", status=500)
    with pytest.raises(SendFailed):
        await platform.send(f"discord:{ana.id}", Text(text="hello"), False)


async def test_a_flood_asks_for_patience(env: Any, ana: Any, platform: DiscordPlatform) -> None:
    env.inject_error("POST", "/channels/*/messages", status=429)
    with pytest.raises(SendRetry) as caught:
        await platform.send(f"discord:{ana.id}", Text(text="hello"), False)
    assert caught.value.after_seconds == PATIENCE_SECONDS


def test_a_wait_that_discord_names_is_kept() -> None:
    with pytest.raises(SendRetry) as caught, translated():
        raise discord.RateLimited(42.5)
    assert caught.value.after_seconds == 42.5
    response: Any = SimpleNamespace(status=429, reason="Too Many Requests", headers={"Retry-After": "7"})
    with pytest.raises(SendRetry) as caught, translated():
        raise discord.HTTPException(response, "slow down")
    assert caught.value.after_seconds == 7


async def test_before_the_connection_stands_a_push_waits(platform: DiscordPlatform) -> None:
    with pytest.raises(SendRetry):
        await platform.send("discord:1", Text(text="hello"), False)


class Waits:
    """A clock on which nothing takes time; the fifth wait never ends."""

    def __init__(self) -> None:
        """Start at zero."""
        self.seconds: list[float] = []
        self.enough = asyncio.Event()

    def now(self) -> int:
        """Return the sum of all waits."""
        return int(sum(self.seconds) * 1000)

    async def sleep(self, seconds: float) -> None:
        """Remember the wait."""
        if len(self.seconds) == 4:
            self.enough.set()
            await asyncio.get_running_loop().create_future()
        self.seconds.append(seconds)


async def test_a_first_connection_that_fails_is_tried_again_ever_more_rarely(house: House) -> None:
    tried: set[Client] = set()

    async def connect(client: Client) -> None:
        tried.add(client)
        # What discord.py 2.7.1 really raises when the gateway cannot be reached.
        raise AttributeError("'NoneType' object has no attribute 'sequence'")

    clock = Waits()
    platform = _platform(house, connect=connect, clock=clock)
    await platform.start(house.dispatcher)
    await asyncio.wait_for(clock.enough.wait(), 5)
    await platform.stop()
    assert clock.seconds == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert len(tried) == 5


async def test_a_refused_token_is_not_tried_again_and_not_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    async def connect(_client: Client) -> None:
        nonlocal tries
        tries += 1
        raise discord.LoginFailure("Improper token has been passed: very-secret")

    platform = _platform(house, connect=connect)
    await platform.start(house.dispatcher)
    assert platform.client is not None
    given_up = _closing(platform.client)
    await asyncio.wait_for(given_up.wait(), 5)
    with pytest.raises(SendFailed):
        await platform.send("discord:1", Text(text="hello"), False)
    house.clock.advance(3_600_000)
    await platform.stop()
    assert tries == 1
    assert "very-secret" not in caplog.text


def _closing(client: Client) -> asyncio.Event:
    closed, close = asyncio.Event(), client.close

    async def noticed() -> None:
        await close()
        closed.set()

    setattr(client, "close", noticed)  # noqa: B010
    return closed


def _view(line: str) -> discord.ui.View:
    from chatbot.platforms.discord.messages import view

    return view(((Button("Tap", line),),))
