"""/transfer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from commands.reply import Card, Failure
from data.market import MarketKind
from data.values import Mode
from engine.desk import AssetView
from engine.exchanges.base import ExchangeUnavailable, NotPossible
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value

D = Decimal
SPOT, PERPETUAL = MarketKind.SPOT, MarketKind.PERPETUAL


class Broken(FakeDesk):
    """Answers a transfer with an error."""

    def __init__(self, error: Exception) -> None:
        """Raise ``error``."""
        super().__init__()
        self.error = error

    async def transfer(
        self, mode: Mode, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str
    ) -> str:
        """Raise."""
        raise self.error


def desk_of(desk: FakeDesk | None = None) -> FakeDesk:
    desk = desk or FakeDesk()
    desk.balances = (
        AssetView(asset="USDT", free=D(800), locked=D(200), in_bots=D(700)),
        AssetView(asset="USDT", free=D(50), locked=D(0), in_bots=D(0), wallet=PERPETUAL),
        AssetView(asset="BTC", free=D(1), locked=D(0), in_bots=D(0)),
    )
    return desk


async def test_it_moves_what_was_shown_once_under_the_plans_own_name() -> None:
    stage = Stage(desk=desk_of())
    proposal = await stage.proposal("/transfer 250 spot futures", "olga")
    assert proposal.card.title == "Move 250.00 USDT from spot to futures?"
    assert value(proposal.card, "Free after") == "550.00 USDT"
    receipt = await stage.one(proposal.confirm.line, "olga")
    assert isinstance(receipt, Card)
    assert (receipt.title, value(receipt, "Number")) == ("Moved 250.00 USDT from spot to futures", "t1")
    assert stage.desk.transferred == [(Mode.SHADOW, "USDT", D(250), SPOT, PERPETUAL, proposal.plan_id)]
    await stage.one(proposal.confirm.line, "olga")
    assert len(stage.desk.transferred) == 1


async def test_without_an_amount_it_shows_what_no_bot_counts_on() -> None:
    card = await Stage(desk=desk_of()).card("/transfer", "olga")
    assert (value(card, "spot to futures"), value(card, "futures to spot")) == ("300.00 USDT", "50.00 USDT")
    assert lines(card) == [
        "/transfer 150 spot futures USDT",
        "/transfer 300 spot futures USDT",
        "/transfer 25 futures spot USDT",
        "/transfer 50 futures spot USDT",
        "/balance",
    ]
    btc = await Stage(desk=desk_of()).card("/transfer asset=btc", "olga")
    assert lines(btc)[0] == "/transfer 0.5 spot futures BTC"


@pytest.mark.parametrize(
    ("line", "user", "field"),
    [
        ("/transfer 301 spot futures", "olga", "amount"),
        ("/transfer 51 futures spot", "olga", "amount"),
        ("/transfer 1 spot spot", "olga", "target"),
        ("/transfer 0 spot futures", "olga", "amount"),
        ("/transfer 1 bank futures", "olga", "source"),
        ("/transfer 1 spot futures", "tim", "role"),
    ],
)
async def test_what_cannot_be_moved_is_said(line: str, user: str, field: str) -> None:
    assert (await Stage(desk=desk_of()).failure(line, user)).field == field


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotPossible("there is only one wallet here"), "there is only one wallet here"),
        (ExchangeUnavailable("timed out"), "It is not known whether it was done: timed out"),
    ],
)
async def test_a_transfer_that_fails_is_told_apart_from_one_nobody_knows_of(error: Exception, words: str) -> None:
    receipt = await Stage(desk=desk_of(Broken(error))).confirmed("/transfer 10", "olga")
    assert isinstance(receipt, Failure)
    assert receipt.problem == words
    assert lines(receipt) == ["/balance"]


async def test_an_exchange_that_does_not_answer_is_said() -> None:
    desk = desk_of()
    desk.available = False
    assert "cannot be reached" in (await Stage(desk=desk).failure("/transfer 10", "olga")).problem
