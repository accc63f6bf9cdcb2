"""What people do with Batuta, from any chat: the same stories with the same words."""

from __future__ import annotations

import re

import pytest

from commands.registry import Role
from commands.reply import Text
from tests.scenarios.conversation import Conversation
from tests.scenarios.world import World

PNG = b"\x89PNG\r\n\x1a\n"
GRID = "/grid {symbol} {lower} {upper} 12 {amount}"


@pytest.fixture
async def owner(chat: Conversation, world: World) -> Conversation:
    """Return a chat with an owner."""
    world.let_in(chat.identity, Role.OWNER)
    return chat


async def grid_line(world: World, symbol: str = "BTC/USDT", amount: int = 1000) -> str:
    """Return the command that starts a grid of 10 % around the price."""
    price = (await world.app.desk.ticker(symbol)).last
    return GRID.format(symbol=symbol, lower=int(price * 95 / 100), upper=int(price * 105 / 100), amount=amount)


async def start_grid(chat: Conversation, world: World) -> None:
    """Plan a grid and confirm it."""
    await chat.say(await grid_line(world))
    await chat.expect("Can be confirmed until")
    await chat.tap("Start")
    await chat.expect("started with 1000.00 USDT")


async def test_the_first_owner_pairs_with_the_code_from_the_server(chat: Conversation, world: World) -> None:
    await chat.say("/start")
    await chat.expect("/pair CODE")
    await chat.say("/pair 00000000")
    await chat.expect("This code does not work.")
    await chat.say(f"/pair {world.code()}")
    await chat.expect("Your role is owner")
    person = world.app.people.get(chat.identity)
    assert person is not None
    assert person.role is Role.OWNER


async def test_strangers_are_met_with_silence(chat: Conversation, world: World) -> None:
    for line in ("/status", "/stop 1", "/help", "good morning"):
        await chat.say(line)
    # Answered after the others, in their order; it is the only thing a stranger ever hears.
    await chat.say("/start")
    await chat.expect("This is a private bot")
    assert await chat.unread() == ()


async def test_help_lists_what_you_may_run_and_no_more(chat: Conversation, world: World) -> None:
    world.let_in(chat.identity, Role.VIEWER)
    await chat.say("/help")
    said = (await chat.expect("/bots")).text
    assert "/pnl" in said
    assert not re.search(r"^/(stop|grid|people|invite)\b", said, re.MULTILINE)
    world.let_in(chat.identity, Role.OWNER)
    await chat.say("/help")
    said = (await chat.expect("/grid")).text
    assert re.search(r"^/stop\b", said, re.MULTILINE)


async def test_a_grid_is_planned_confirmed_and_listed(owner: Conversation, world: World) -> None:
    await owner.say(await grid_line(world))
    plan = await owner.expect("Can be confirmed until")
    assert "SHADOW" in plan.text
    assert world.active_bots() == []
    await owner.tap("Start")
    receipt = await owner.expect("started with 1000.00 USDT")
    assert "Start" not in receipt.labels
    assert world.active_bots() == [1]
    await owner.say("/bots")
    assert "BTC/USDT" in (await owner.expect("Bots")).text


async def test_a_grid_is_asked_for_tap_by_tap(owner: Conversation, world: World) -> None:
    await owner.say("/grid")
    await owner.expect("Which market")
    await owner.tap("BTC/USDT")
    range_question = await owner.expect("which range?")
    await owner.tap(range_question.labels[0].split()[0])
    investment_question = await owner.expect("how much shall it invest?")
    await owner.tap(investment_question.labels[0])
    await owner.expect("Can be confirmed until")
    await owner.tap("Start")
    await owner.expect("started with")
    assert world.active_bots() == [1]


async def test_a_second_tap_does_nothing_twice(owner: Conversation, world: World) -> None:
    await owner.say(await grid_line(world))
    await owner.expect("Can be confirmed until")
    await owner.tap("Start")
    await owner.tap_again()
    await owner.expect("started with 1000.00 USDT")
    await owner.expect("This plan was confirmed before")
    assert world.active_bots() == [1]


async def test_a_discarded_plan_is_gone(owner: Conversation, world: World) -> None:
    await owner.say(await grid_line(world))
    await owner.expect("Can be confirmed until")
    await owner.tap("Discard")
    await owner.expect("Nothing was done")
    await owner.tap_again()
    await owner.expect("This plan was discarded")
    assert world.active_bots() == []


async def test_a_plan_of_yesterday_changes_nothing(owner: Conversation, world: World) -> None:
    await owner.say(await grid_line(world))
    await owner.expect("Can be confirmed until")
    await owner.pass_time(121)
    await owner.tap("Start")
    await owner.expect("This plan has expired")
    assert world.active_bots() == []


async def test_a_price_that_trembles_is_no_obstacle(owner: Conversation, world: World) -> None:
    # A few cents of price change the number of coins per order, which must not count as another plan.
    line = await grid_line(world, "SOL/USDT", 5000)
    await owner.say(line)
    plan = (await owner.expect("Can be confirmed until")).text
    await owner.pass_time(30)
    await owner.say(line)
    assert _field("Each order", (await owner.expect("Can be confirmed until")).text) != _field("Each order", plan)
    await owner.pass_time(30)
    await owner.tap("Start")
    await owner.expect("started with 5000.00 USDT")


async def test_wrong_input_names_field_value_and_what_is_accepted(owner: Conversation, world: World) -> None:
    await owner.say("/grid BTC/USDT 60000 70000 10 lots")
    said = (await owner.expect("investment cannot be that")).text
    assert "lots" in said
    assert "a number such as 1000 or 0.5" in said


async def test_a_viewer_may_not_stop_a_bot(chat: Conversation, world: World) -> None:
    world.let_in(chat.identity, Role.OWNER)
    await start_grid(chat, world)
    world.let_in(chat.identity, Role.VIEWER)
    await chat.say("/stop 1")
    said = (await chat.expect("You may not use /stop")).text
    assert "viewer" in said
    assert world.active_bots() == [1]


async def test_profit_and_loss_come_with_a_picture(owner: Conversation, world: World) -> None:
    await start_grid(owner, world)
    for _ in range(3):
        await owner.pass_time(60)
        await world.app.scheduler.run("equity_snapshot")
    await owner.say("/pnl 1")
    said = await owner.expect("Hold the first mix")
    assert said.picture is not None
    assert said.picture.startswith(PNG)


async def test_a_fill_is_told_unasked(owner: Conversation, world: World) -> None:
    await start_grid(owner, world)
    said = (await owner.expect("Initial buy of")).text
    assert "SHADOW" in said


async def test_a_long_message_arrives_whole(owner: Conversation, world: World) -> None:
    words = [f"w{number:04}" for number in range(1500)]
    await owner.push(Text(text=" ".join(words)))
    assert re.findall(r"w\d{4}", await owner.expect_all(words[-1])) == words


async def test_a_button_is_a_command(owner: Conversation, world: World) -> None:
    await owner.say("/status")
    await owner.expect("Books checked")
    await owner.tap("Bots")
    await owner.expect("There is no bot yet")


def _field(label: str, text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(label))
