"""/positions."""

from __future__ import annotations

from decimal import Decimal

from data.grids import MarginMode
from data.values import Mode
from engine.desk import PositionView
from engine.exchanges.base import ExchangeUnavailable, Position
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage

D = Decimal


def view(quantity: str, liquidation: str | None, mode: Mode = Mode.PRODUCTION) -> PositionView:
    held = Position(
        symbol="BTC/USDT:USDT",
        quantity=D(quantity),
        entry_price=D(61_000),
        mark_price=D(60_000),
        liquidation_price=None if liquidation is None else D(liquidation),
        leverage=3,
        margin=MarginMode.CROSS,
    )
    return PositionView(mode=mode, position=held, in_bots=D(quantity))


async def test_a_position_shows_how_far_its_liquidation_is() -> None:
    desk = FakeDesk()
    desk.open_positions = (view("0.5", "45000"), view("-0.1", None))
    table = await Stage(desk=desk).table("/positions", "vera")
    first, second = table.rows
    assert first == ("BTC/USDT:USDT", "0.5", "61000", "60000", "45000, 25.00 % away", "3× cross", "0.5")
    assert (second[1], second[4]) == ("-0.1", "none")
    assert table.mode is Mode.PRODUCTION


async def test_positions_of_two_accounts_are_told_apart() -> None:
    desk = FakeDesk()
    desk.open_positions = (view("1", None), view("1", None, Mode.SHADOW))
    table = await Stage(desk=desk).table("/positions")
    assert [row[0] for row in table.rows] == ["BTC/USDT:USDT production", "BTC/USDT:USDT shadow"]
    assert table.mode is None


async def test_none_open_and_no_answer_are_said() -> None:
    assert (await Stage().table("/positions")).empty == "No position is open."

    class Silent(FakeDesk):
        """Cannot be asked."""

        async def positions(self) -> tuple[PositionView, ...]:
            """Raise."""
            raise ExchangeUnavailable("down")

    assert "cannot be reached" in (await Stage(desk=Silent()).failure("/positions")).problem
