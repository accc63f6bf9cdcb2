"""Suggestions while somebody types."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import pytest

from commands.complete import MOST, suggestions
from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, command, command_of
from commands.reply import Text
from config.schema import Settings
from tests.commands.fake_desk import FakeDesk
from tests.commands.test_registry import Colour
from tests.commands.worlds import bot_view, spec


@command()
async def ask(
    ctx: Context,
    symbol: Annotated[str, Param("market", complete="symbol")],
    bot: Annotated[int, Param("bot", complete="bot")],
    decision: Annotated[str, Param("decision", complete="decision")],
    colour: Annotated[Colour, Param("colour")],
    loud: Annotated[bool, Param("loud")],
    size: Annotated[Decimal, Param("size")],
) -> Answer:
    """Ask for everything"""
    return Text(text="")


@pytest.mark.parametrize(
    ("name", "prefix", "values"),
    [
        ("symbol", "", ["BTC/USDT", "ETH/USDT", "SOL/USDT"]),
        ("symbol", "sol", ["SOL/USDT"]),
        ("symbol", "eth/u", ["ETH/USDT"]),
        ("symbol", "t", ["BTC/USDT", "ETH/USDT", "SOL/USDT"]),
        ("symbol", "xyz", []),
        ("bot", "", ["1", "2"]),
        ("bot", "eth", ["2"]),
        ("bot", "#1", ["1"]),
        ("decision", "10", ["102", "101"]),
        ("decision", "101", ["101"]),
        ("colour", "blue", ["deep_blue"]),
        ("loud", "", ["yes", "no"]),
        ("loud", "y", ["yes"]),
        ("size", "1", []),
    ],
)
async def test_suggestions_fit_the_prefix(name: str, prefix: str, values: list[str]) -> None:
    desk = FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")))
    parameter = command_of(ask).parameter(name)
    assert parameter is not None
    found = await suggestions(parameter, prefix, desk, Settings())
    assert [each.value for each in found] == values


async def test_there_are_never_more_than_a_platform_shows() -> None:
    desk = FakeDesk(*(bot_view(number) for number in range(1, 40)))
    parameter = command_of(ask).parameter("bot")
    assert parameter is not None
    assert len(await suggestions(parameter, "", desk, Settings())) == MOST
