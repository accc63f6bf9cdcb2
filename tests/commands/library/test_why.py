"""/why."""

from __future__ import annotations

import msgspec
import pytest

from commands import phrases, words
from commands.reply import Card, Failure, Text
from data.decisions import Alternative, Input, Rule
from data.orders import OrderStatus, RefusalCode
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import bot_view, sample_decision, spec


def history() -> FakeDesk:
    """Return a desk with three decisions about bot 1 (101, 103, 105) and one about bot 2 (102)."""
    one, two = bot_view(1), bot_view(2, spec("ETH/USDT"))
    desk = FakeDesk(one, two)
    desk.decided.extend([sample_decision(one, 103, Rule.PRICE_CROSSED), sample_decision(one, 105, Rule.REPLACE_ORDER)])
    return desk


async def test_the_record_is_rendered_in_full() -> None:
    card = await Stage(desk=history()).card("/why d101", "vera")
    assert card.title == "Bot 1 BTC/USDT: A slot filled on one side: rest its other leg on the next line."
    assert value(card, "Because of") == "order filled"
    assert value(card, "Knew: fill price") == "57950.0 (120 ms old)"
    assert value(card, "Not done") == "sell at the fill price: the line above it pays the fees"
    assert value(card, "Risk") == "1 approved, 1 refused"
    assert value(card, "Ordered") == "sell 0.00195 BTC @ 58712.5 (slot 0)"
    assert value(card, "Refused").endswith("the order is worth more than one order may be (limit 1000, notional 1200)")
    assert card.note == "Decision 101"
    assert card.mode == "shadow"


async def test_without_a_word_it_is_the_newest_and_older_stays_with_the_bot() -> None:
    stage = Stage(desk=history())
    newest = await stage.card("/why")
    assert newest.note == "Decision 105"
    assert lines(newest) == ["/why d103", "/bots 1"]
    middle = await stage.card("/why d103")
    assert lines(middle) == ["/why d101", "/why d105", "/bots 1"]


@pytest.mark.parametrize(
    ("line", "decision"), [("/why 1", "105"), ("/why 2", "102"), ("/why ETH/USDT", "102"), ("/why 103", "103")]
)
async def test_a_number_is_a_bot_first_and_a_decision_otherwise(line: str, decision: str) -> None:
    assert (await Stage(desk=history()).card(line)).note == f"Decision {decision}"


async def test_a_decision_about_the_whole_engine_names_no_bot() -> None:
    desk = history()
    halted = sample_decision(bot_view(1), 200, Rule.CHANGE_TRADING_STATE)
    desk.decided.extend([msgspec.structs.replace(halted, bot=0, approved=(), refused=(), cancelled=("bt-1-1-0b1",))])
    card = await Stage(desk=desk).card("/why d200")
    assert card.title.startswith("Engine: ")
    assert card.mode is None
    assert value(card, "Risk") == "not asked: no orders"
    assert value(card, "Cancelled") == "1 order"


async def test_old_inputs_say_how_old() -> None:
    desk = history()
    inputs = (Input("sentiment", "0.4", 90_000), Input("rule", "fixed"))
    desk.decided.extend([msgspec.structs.replace(sample_decision(bot_view(1), 400), inputs=inputs)])
    card = await Stage(desk=desk).card("/why d400")
    assert value(card, "Knew: sentiment") == "0.4 (1 min 30 s old)"
    assert value(card, "Knew: rule") == "fixed"


async def test_names_are_read_as_words() -> None:
    desk = history()
    first = sample_decision(bot_view(1), 500, Rule.CHANGE_EXIT)
    refused = (msgspec.structs.replace(first.refused[0], facts={"limit_percent": "5"}),)
    inputs = (Input("stop_loss before", "none"), Input("out_of_range", "hold"))
    desk.decided.extend([msgspec.structs.replace(first, inputs=inputs, refused=refused)])
    card = await Stage(desk=desk).card("/why d500")
    assert value(card, "Knew: stop loss before") == "none"
    assert value(card, "Knew: out of range") == "keeps everything and waits"
    assert value(card, "Refused").endswith("(limit percent 5)")


async def test_many_orders_are_counted_after_the_first_few() -> None:
    desk = history()
    first = sample_decision(bot_view(1), 300, Rule.OPEN_GRID)
    desk.decided.extend([msgspec.structs.replace(first, approved=first.approved * 40, refused=())])
    card = await Stage(desk=desk).card("/why d300")
    assert sum(each.label == "Ordered" for each in card.fields) == 6
    assert value(card, "…") == "and 34 more"


async def test_the_local_model_speaks_second_and_only_about_the_facts() -> None:
    stage = Stage(desk=history(), explained=True)
    replies = await stage.say("/why d101")
    assert isinstance(replies[0], Card)
    assert replies[1] == Text(text="Decision 101, the local model says: It paired a slot (101).")
    assert "Knew: fill price: 57950.0 (120 ms old)" in stage.explainer.heard[0]


async def test_a_silent_model_leaves_the_facts_alone() -> None:
    stage = Stage(desk=history(), explained=True)
    stage.explainer.silent = True
    assert (await stage.card("/why d101")).note == "Decision 101"


@pytest.mark.parametrize("line", ["/why d999", "/why nonsense"])
async def test_an_unknown_decision_says_what_is_accepted(line: str) -> None:
    failure = await Stage(desk=history()).failure(line)
    assert (failure.field, failure.value) == ("what", line.split()[1])
    assert lines(failure) == ["/why"]


async def test_an_empty_history_is_said() -> None:
    desk = history()
    desk.decided.clear()
    assert await Stage(desk=desk).one("/why") == Failure(problem="Nothing was decided yet.")
    assert await Stage(desk=desk).one("/why 1") == Failure(problem="Nothing was decided about this bot yet.")


def test_every_rule_state_and_refusal_has_words() -> None:
    assert all(phrases.rule(each) for each in Rule)
    assert all(phrases.order_status(each) for each in OrderStatus)
    assert all(words.refusal(each) for each in RefusalCode)


async def test_names_by_which_the_engine_calls_a_thing_are_said_in_words() -> None:
    desk = history()
    known = (
        Input("policy", "stop_keep"), Input("side", "sell"), Input("mode", "testnet"), Input("danger before", "near"),
        Input("after", "halted"), Input("refused", "off_tick"), Input("reason", "filter"), Input("slot", "3"),
    )  # fmt: skip
    alternatives = (Alternative("stop_sell", "the policy is stop_keep"),)
    desk.decided.append(msgspec.structs.replace(sample_decision(bot_view(1), 200), inputs=known[:6], alternatives=()))
    desk.decided.append(
        msgspec.structs.replace(sample_decision(bot_view(1), 201), inputs=known[6:], alternatives=alternatives)
    )
    stage = Stage(desk=desk)
    card = await stage.card("/why d200")
    assert value(card, "Knew: policy") == "stops and keeps what it holds"
    assert value(card, "Knew: danger before") == "coming near"
    assert value(card, "Knew: refused") == "the price is not a multiple of the market's tick"
    assert value(await stage.card("/why d201"), "Knew: reason") == "it is outside the market's limits"
    await stage.card("/settings locale pt_BR")
    assert value(await stage.card("/why d200"), "Conhecia: modo") == "testnet"
    assert value(await stage.card("/why d201"), "Não feito") == "para e vende o que tem: a conduta é parar e manter"
