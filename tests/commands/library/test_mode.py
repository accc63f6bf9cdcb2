"""/mode."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.format import amount
from commands.reply import Card, Failure, Text
from data.events import ArmMode, DisarmMode, StartBot, StopBot
from data.values import Mode
from engine.accounts.findings import Check, Finding, Grade
from engine.desk import AccountView
from engine.grid.plan import Problem
from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import NOW, bot_view, spec

D = Decimal
REAL = Mode.PRODUCTION
BAD_KEY = Finding(check=Check.WITHDRAWAL, grade=Grade.BAD)
OTHERS = Finding(check=Check.OTHERS, grade=Grade.BAD, facts={"count": "2", "example": "btx-1-1-0b1"})


def account(mode: Mode) -> AccountView:
    return AccountView(mode=mode, exchange="binance", connected=True, last_reconciled_at=NOW)


def live_stage(*, cap: Decimal | None = None, real: bool = False) -> Stage:
    """Return a stage whose engine has an account of real money and a shadow beside it."""
    grid = spec(mode=REAL) if real else spec()
    desk = FakeDesk(bot_view(3, grid))
    desk.view = msgspec.structs.replace(
        desk.view,
        mode=REAL,
        accounts=(account(REAL), account(Mode.SHADOW)),
        caps={} if cap is None else {REAL: cap},
    )
    return Stage(desk=desk)


async def confirmed_with_code(stage: Stage, line: str) -> Card | Failure:
    """Go through the whole ceremony as the owner and return its receipt."""
    proposal = await stage.proposal(line, "olga")
    asked = await stage.one(proposal.confirm.line, "olga")
    assert isinstance(asked, Text)
    assert "one-time code" in asked.text
    assert stage.desk.asked == []
    code = stage.announced[-1].split()[-1]
    receipt = await stage.one(f"{proposal.confirm.line} {code}", "olga")
    assert isinstance(receipt, Card | Failure)
    return receipt


async def test_it_says_where_money_is_real_for_each_bot() -> None:
    card = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec(mode=Mode.TESTNET)))).card("/mode")
    assert card.title == "Mode: shadow"
    assert value(card, "Engine") == "shadow (binance)"
    assert value(card, "Real money") == "cannot move: this engine runs shadow"
    assert value(card, "Bot 1 BTC/USDT") == "shadow, +3.25 USDT (+0.32 %)"
    assert value(card, "Bot 2 BTC/USDT").startswith("testnet, ")
    assert "--mode production" in value(card, "For real money")
    assert card.note == "Orders are simulated. No real money moves."


async def test_an_engine_for_real_money_starts_disarmed_and_offers_the_checklist() -> None:
    stage = live_stage()
    card = await stage.card("/mode")
    assert (card.title, card.mode) == ("Mode: shadow", Mode.SHADOW)
    assert value(card, "Real money") == "does not move: production is not armed"
    assert lines(card)[0] == "/mode production"
    armed = await live_stage(cap=D(500)).card("/mode")
    assert value(armed, "Real money") == "may move, up to 500.00 USDT"
    assert (armed.mode, lines(armed)[0]) == (REAL, "/mode shadow")


async def test_many_bots_are_counted_after_the_first_few() -> None:
    desk = FakeDesk(*(bot_view(number) for number in range(1, 18)))
    assert value(await Stage(desk=desk).card("/mode"), "…") == "and 2 more"


async def test_the_checklist_asks_for_a_cap_once_everything_is_ready() -> None:
    stage = live_stage()
    card = await stage.card("/mode production", "olga")
    assert card.title == "Everything is ready: with how much may bots trade at most?"
    assert value(card, "✔ Clock") == "12 ms from that of binance"
    assert lines(card)[:2] == ["/mode production cap=100", "/mode production cap=500"]
    assert stage.examiner.looked_at == ["BTC/USDT", "ETH/USDT"]
    stage.examiner.found.append(BAD_KEY)
    refused = await stage.card("/mode production", "olga")
    assert refused.title == "Production cannot be armed: 1 point is open"
    assert value(refused, "✘ Withdrawals") == "the key may take money away. Make a key without that right."
    assert lines(refused)[0] == "/mode production"


async def test_arming_takes_the_checklist_a_cap_a_code_and_gives_a_receipt() -> None:
    stage = live_stage()
    card = (await stage.proposal("/mode production cap=500", "olga")).card
    assert card.title == "Let bots trade real money, up to 500.00 USDT?"
    assert value(card, "Worst case") == "all of it is lost"
    assert card.mode is REAL
    receipt = await confirmed_with_code(stage, "/mode production cap=500")
    assert isinstance(receipt, Card)
    assert receipt.title == "Production is armed: bots may trade real money, up to 500.00 USDT"
    (control,) = stage.desk.asked
    assert isinstance(control, ArmMode)
    assert (control.mode, control.cap, control.by, bool(control.plan)) == (REAL, D(500), "telegram:olga", True)


async def test_a_point_that_opens_while_the_code_is_typed_stops_it() -> None:
    stage = live_stage()
    proposal = await stage.proposal("/mode production cap=500", "olga")
    await stage.one(proposal.confirm.line, "olga")
    stage.examiner.found.append(BAD_KEY)
    code = stage.announced[-1].split()[-1]
    refused = await stage.card(f"{proposal.confirm.line} {code}", "olga")
    assert refused.title == "Production cannot be armed: 1 point is open"
    assert stage.desk.asked == []


async def test_orders_of_another_installation_forbid_it_until_a_person_says_otherwise() -> None:
    stage = live_stage()
    stage.examiner.found.append(OTHERS)
    refused = await stage.card("/mode production cap=500", "olga")
    assert "add others=yes" in value(refused, "✘ Other installations")
    assert (await stage.proposal("/mode production cap=500 others=yes", "olga")).confirm.danger
    unknown = Finding(check=Check.OTHERS, grade=Grade.BAD, facts={"unknown": "down"})
    stage.examiner.found[-1] = unknown
    card = await stage.card("/mode production cap=500 others=yes", "olga")
    assert value(card, "✘ Other installations") == "not known: down. Try again when the exchange answers."
    assert lines(card)[0] == "/mode production others=yes cap=500"


async def test_a_higher_cap_is_a_new_ceremony_and_a_lower_one_a_tap() -> None:
    stage = live_stage(cap=D(500))
    card = (await stage.proposal("/mode production cap=900", "olga")).card
    assert value(card, "Cap before") == "500.00 USDT"
    lowered = await stage.card("/mode production cap=200", "tim")
    assert value(lowered, "Cap") == "200.00 USDT"
    assert stage.desk.view.caps == {REAL: D(200)}
    assert (await stage.failure("/mode production cap=100", "vera")).field == "role"


async def test_a_cap_below_what_bots_of_real_money_were_planned_with_says_what_that_means() -> None:
    stage = live_stage(real=True)
    used = stage.desk.bots()[0].spec.investment
    rule = "above the cap: past it they buy nothing more, and what they hold is not sold"
    said = f"planned with {amount(used, 'USDT')}, {rule}"
    below = (await stage.proposal(f"/mode production cap={used - 1}", "olga")).card
    assert value(below, "Bots at work") == said
    enough = (await stage.proposal(f"/mode production cap={used}", "olga")).card
    assert "Bots at work" not in [each.label for each in enough.fields]
    stage.desk.view = msgspec.structs.replace(stage.desk.view, caps={REAL: used})
    assert value(await stage.card(f"/mode production cap={used - 1}", "olga"), "Bots at work") == said


async def test_back_to_shadow_is_one_tap() -> None:
    stage = live_stage(cap=D(500), real=True)
    card = await stage.card("/mode shadow", "tim")
    assert (card.title, value(card, "Paused")) == ("Production is disarmed", "1 bot")
    (control,) = stage.desk.asked
    assert isinstance(control, DisarmMode)
    assert (await stage.card("/mode shadow", "tim")).title == "Mode: shadow"
    assert (await live_stage(cap=D(500)).failure("/mode shadow", "vera")).field == "role"


async def test_a_bot_moves_to_production_as_one_plan() -> None:
    stage = live_stage()
    line = "/mode production bot=3 cap=1500"
    card = (await stage.proposal(line, "olga")).card
    assert card.title == "Move Bot 3 BTC/USDT to production, with 1000.00 USDT of real money?"
    assert (card.mode, value(card, "Arms production")) == (REAL, "up to 1500.00 USDT")
    assert value(card, "If price falls to 57950.00").startswith("-")
    assert len(card.fields) <= 25
    receipt = await confirmed_with_code(stage, line)
    assert isinstance(receipt, Card)
    assert receipt.title == "Bot 4 BTC/USDT trades real money with 1000.00 USDT"
    arm, start, stop = stage.desk.asked
    assert isinstance(arm, ArmMode)
    assert isinstance(start, StartBot)
    assert isinstance(stop, StopBot)
    assert (start.spec.mode, stop.bot, stop.sell) == (REAL, 3, False)
    assert len({arm.plan, start.plan, stop.plan}) == 3
    assert lines(receipt)[-1] == "/mode shadow bot=4"


async def test_what_does_not_start_leaves_the_shadow_bot_alone() -> None:
    stage = live_stage(cap=D(1_500))
    proposal = await stage.proposal("/mode production bot=3", "olga")
    await stage.one(proposal.confirm.line, "olga")
    stage.desk.problem = "the price ran away"
    code = stage.announced[-1].split()[-1]
    failure = await stage.failure(f"{proposal.confirm.line} {code}", "olga")
    assert failure.problem == "the price ran away"
    assert [type(each) for each in stage.desk.asked] == [StartBot]


async def test_a_bot_that_would_pass_the_cap_is_not_moved() -> None:
    failure = await live_stage().failure("/mode production bot=3 cap=500", "olga")
    assert (failure.field, failure.accepted) == ("cap", "at least 1000.00 USDT")
    stage = live_stage(cap=D(500))
    stage.desk.plan_problems = (Problem(field="cap", value="1000", problem="over the cap", accepted="less"),)
    assert (await stage.failure("/mode production bot=3", "olga")).field == "cap"


async def test_a_bot_moves_back_with_one_tap_and_keeps_its_coins() -> None:
    stage = live_stage(cap=D(500), real=True)
    card = await stage.card("/mode shadow bot=3", "tim")
    assert card.title == "Bot 3 BTC/USDT trades real money no longer"
    assert value(card, "Started") == "bot 4, in shadow mode"
    stop, start = stage.desk.asked
    assert isinstance(stop, StopBot)
    assert isinstance(start, StartBot)
    assert (stop.sell, start.spec.mode) == (False, Mode.SHADOW)


@pytest.mark.parametrize("available", [True, False])
async def test_a_bot_that_cannot_go_on_in_shadow_mode_is_stopped_all_the_same(available: bool) -> None:
    stage = live_stage(cap=D(500), real=True)
    stage.desk.plan_problems = (Problem(field="investment", value="1", problem="no simulated money", accepted=""),)
    stage.desk.available = available
    card = await stage.card("/mode shadow bot=3", "tim")
    assert value(card, "No shadow bot") == ("no simulated money" if available else "binance did not answer in 10 s")
    assert [type(each) for each in stage.desk.asked] == [StopBot]
    stopped = stage.desk.bot(3)
    assert stopped is not None
    assert stopped.status is BotStatus.STOPPED


@pytest.mark.parametrize(
    ("line", "user", "field"),
    [
        ("/mode production", "tim", "role"),
        ("/mode production bot=3 cap=500", "tim", "role"),
        ("/mode shadow bot=3", "vera", "role"),
        ("/mode testnet", "olga", "mode"),
        ("/mode production bot=9 cap=10", "olga", "bot"),
        ("/mode production cap=0", "olga", "cap"),
        ("/mode sideways", "olga", "mode"),
    ],
)
async def test_what_is_not_possible_is_said(line: str, user: str, field: str) -> None:
    stage = live_stage(real="shadow" in line)
    assert (await stage.failure(line, user)).field == field
    assert stage.desk.asked == []


async def test_an_engine_without_an_account_for_real_money_says_how_to_get_one() -> None:
    for line in ("/mode production cap=500", "/mode production bot=1 cap=500"):
        failure = await Stage(desk=FakeDesk(bot_view(1))).failure(line, "olga")
        assert "--mode production" in failure.accepted


async def test_a_bot_that_is_there_already_stays() -> None:
    card = await live_stage(cap=D(500), real=True).card("/mode production bot=3", "olga")
    assert card.title == "Bot 3 BTC/USDT is a production bot already"


async def test_nothing_is_armed_where_nothing_can_be_checked() -> None:
    stage = live_stage()
    blind = Stage(desk=stage.desk, examined=False)
    assert "nothing can be armed" in (await blind.failure("/mode production cap=5", "olga")).problem


async def test_the_exchange_need_not_answer_for_the_checklist_to_be_shown() -> None:
    stage = live_stage()
    stage.desk.available = False
    assert (await stage.card("/mode production", "olga")).fields
    assert stage.examiner.looked_at == []
