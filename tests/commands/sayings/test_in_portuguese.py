"""Who reads Portuguese finds no English on what is said of a market, nor in what is wrong with a grid."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import msgspec
import pytest

from commands.cards import problem_failure, receipt
from commands.reply import Card, Failure, Reply, Table
from config.language import use
from config.schema import Settings
from data.events import StopBot
from data.grids import Direction, GridSpec, Spacing, Trigger, TriggerKind
from data.market import MarketKind
from engine.grid.sizing import plan_grid
from engine.outcome import Outcome
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, value
from tests.commands.worlds import NOW, bot_view, market, ticker

D = Decimal
ENGLISH = re.compile(
    r"\b(the|of|and|or|is|are|was|not|none|yes|below|above|price|market|least|most|with|for|bars?|range|between|what|"
    r"this|has|have|that|each|orders?|days?|lines|spacing|cycles?|candles|settings|from|lower|upper|needs?|given)\b"
)
TYPED = re.compile(r"/\w+( \[\w+\])*|\blower\b")
"""What is typed is English in every language: commands and parameters."""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    desk = FakeDesk(bot_view(1))
    perpetual = msgspec.structs.replace(market("BTC"), symbol="BTC/USDT:USDT", kind=MarketKind.PERPETUAL)
    desk.list_market(perpetual, D(61_000))
    stage = Stage(desk=desk, settings=Settings.model_validate({"pair_selection": {"blacklist": ["SOLUSDT"]}}))
    await stage.card("/settings locale pt_BR")
    yield stage
    await stage.desk.data.stop()


def said_in(reply: Reply) -> Iterator[str]:
    """Return every text of a reply, the lines of its buttons left out."""
    match reply:
        case Card(title=title, fields=fields, note=note):
            yield from (title, note or "", *(each.label for each in fields), *(each.value for each in fields))
        case Failure(problem=problem, accepted=accepted):
            yield from (problem, accepted or "")
        case Table(title=title, columns=columns, rows=rows, note=note):
            yield from (title or "", *columns, *(cell for row in rows for cell in row), note or "")
        case _:
            raise AssertionError(reply)
    yield from (each.label for each in reply.buttons)


def english(reply: Reply) -> list[str]:
    """Return the texts of a reply that have an English word in them."""
    return [each for each in said_in(reply) if ENGLISH.search(TYPED.sub("", each))]


@pytest.mark.parametrize(
    "line",
    [
        "/validate BTC/USDT",
        "/validate BTC/USDT futures",
        "/validate SOL/USDT",
        "/validate btxc",
        "/validate",
        "/validate BTC/USDT spots",
        "/market BTC/USDT",
        "/market BTC/USDT:USDT",
        "/market xyz",
        "/market btc eth",
        "/indicators BTC/USDT",
        "/indicators BTC/USDT:USDT 1d",
        "/indicators BTC/USDT 7m",
        "/cache",
    ],
)
async def test_no_english_is_left(stage: Stage, line: str) -> None:
    await stage.say("/market BTC/USDT")
    replies = await stage.say(line)
    assert [each for reply in replies for each in english(reply)] == []


async def test_a_market_without_a_grid_says_why_in_portuguese(stage: Stage) -> None:
    verdict, nothing = await stage.say("/validate BTC/USDT futures")
    assert isinstance(verdict, Card)
    assert isinstance(nothing, Failure)
    assert verdict.title == "BTC/USDT:USDT a 61000.00: 2 critérios não são atendidos"
    assert value(verdict, "✗ volume de 24 h") == (
        "61,000,000 USDT (no mínimo 100,000,000 USDT): muitos negócios executam as ordens de um grid"
    )
    assert value(verdict, "✗ contratos em aberto") == (
        "6,100,000 USDT (no mínimo 50,000,000 USDT): um mercado com poucas posições esvazia depressa"
    )
    assert nothing.problem == (
        "Nenhum grid pode ser recomendado: não se sabe como a corretora liquida posições neste mercado."
    )


def specs() -> Iterator[GridSpec]:
    """Return grids each of which has something wrong with it."""
    good = GridSpec(symbol="BTC/USDT", lower=D(58_000), upper=D(64_000), levels=9, investment=D(1_000))
    changes: tuple[dict[str, object], ...] = (
        {"lower": D(-1)},
        {"upper": D(1)},
        {"levels": 1},
        {"levels": 1_002},
        {"investment": D(0)},
        {"investment": D(10)},
        {"direction": Direction.SHORT},
        {"leverage": 3},
        {"levels": 900},
        {"upper": D("58000.01")},
        {"trigger_price": D(1)},
        {"trail_up": D(1)},
        {"trail_down": D(90_000)},
        {"infinity": True, "spacing": Spacing.ARITHMETIC, "levels": 3, "trail_up": D(90_000)},
        {"stop_loss": Trigger(TriggerKind.PRICE, D(90_000))},
        {"take_profit": Trigger(TriggerKind.PRICE, D(1))},
        {"take_profit": Trigger(TriggerKind.PRICE, D(0))},
        {"stop_loss": Trigger(TriggerKind.PERCENT, D(100))},
    )
    yield from (msgspec.structs.replace(good, **each) for each in changes)


@pytest.mark.parametrize("spec", list(specs()))
def test_what_is_wrong_with_a_grid_is_said_in_portuguese(spec: GridSpec) -> None:
    for listed in (market("BTC"), msgspec.structs.replace(market("BTC"), kind=MarketKind.PERPETUAL)):
        plan = plan_grid(spec, listed, ticker("BTC/USDT"))
        with use("pt_BR"):
            left = [each for problem in plan.problems for each in english(problem_failure(problem))]
        assert plan.problems or listed.perpetual
        assert left == []


def test_a_refused_control_is_said_in_portuguese() -> None:
    control = StopBot(at=NOW, by="", bot=1, sell=False)
    outcome = Outcome(sequence=0, event=control, problem="bot 1 is paused, only a running bot can be paused")
    with use("pt_BR"):
        reply = receipt((outcome,), Card(title="", fields=()))
    assert isinstance(reply, Failure)
    assert reply.problem == "o bot 1 está pausado; só um bot rodando pode ser pausado"
