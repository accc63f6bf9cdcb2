"""Cards and receipts."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

import msgspec
import pytest

from commands.cards import bot_card, line_button, plan_card, receipt
from commands.guidance import grid_line
from commands.parse import parse
from commands.registry import discover
from commands.reply import Card, Failure
from data.events import PauseBot
from data.grids import GridSpec, OutOfRange, Spacing, Trigger, TriggerKind
from engine.outcome import Outcome
from engine.views import BotStatus
from tests.commands.worlds import NOW, bot_view, market, plan_of, spec, ticker

DONE = Card(title="done", fields=())


def outcome(problem: str = "") -> Outcome:
    """Return what came of pausing bot 1."""
    return Outcome(sequence=1, event=PauseBot(at=NOW, by="telegram:1", bot=1), problem=problem)


def test_a_receipt_says_how_much_of_a_plan_was_done() -> None:
    assert receipt((outcome(), outcome()), DONE) == DONE
    failure = receipt((outcome(), outcome("bot 2 is stopping")), DONE)
    assert failure == Failure(problem="bot 2 is stopping\n1 other change was made.")


def test_a_line_too_long_for_a_button_gets_none() -> None:
    assert line_button("x", "/grid " + "1" * 60) == ()


@pytest.mark.parametrize(
    "wanted",
    [
        spec(),
        spec(spacing=Spacing.GEOMETRIC),
        spec(take_profit=Trigger(TriggerKind.PERCENT, Decimal(5)), out_of_range=OutOfRange.STOP_SELL),
        spec(stop_loss=Trigger(TriggerKind.PRICE, Decimal("55000.5")), spacing=Spacing.GEOMETRIC),
    ],
)
def test_a_grids_line_asks_for_exactly_that_grid(wanted: GridSpec) -> None:
    command = discover().get("grid")
    assert command is not None
    arguments = parse(command, grid_line(wanted))
    assert isinstance(arguments, dict)
    read = GridSpec(
        symbol=arguments["symbol"], lower=arguments["lower"], upper=arguments["upper"], levels=arguments["levels"],
        investment=arguments["investment"], spacing=arguments["spacing"], take_profit=arguments["tp"],
        stop_loss=arguments["sl"], out_of_range=arguments["out_of_range"],
    )  # fmt: skip
    assert read == wanted


def test_a_plan_that_buys_nothing_at_once_says_so() -> None:
    plan = plan_of(spec(), market("BTC"), ticker("BTC/USDT"))
    card = plan_card(msgspec.structs.replace(plan, initial_buy=Decimal(0), slots=()))
    assert "nothing" in [each.value for each in card.fields if each.label == "Buys at once"]
    assert "Net per cycle" not in [each.label for each in card.fields]


def test_a_bot_that_never_started_has_no_reason_to_name() -> None:
    card = bot_card(bot_view(1, status=BotStatus.STOPPED), NOW, UTC)
    assert card.fields[0].value == "stopped"
