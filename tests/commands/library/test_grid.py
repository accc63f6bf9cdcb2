"""/grid."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.reply import Card, Failure
from config.schema import Settings
from data.events import StartBot
from data.grids import Direction, GridSpec, MarginMode, OutOfRange, Spacing, Trigger, TriggerKind
from data.market import MarketKind, Ticker
from data.values import Mode
from engine.desk import AccountView, AssetView
from engine.grid.plan import GridPlan, Problem
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import market

LINE = "/grid BTC/USDT 58000 64000 20 1000"
PERPETUAL = msgspec.structs.replace(market("BTC"), symbol="BTC/USDT:USDT", kind=MarketKind.PERPETUAL)
FUTURES_LINE = "/grid BTC/USDT:USDT 58000 64000 20 1000"


class Perpetuals(FakeDesk):
    """A desk that lists a perpetual, and plans on it with liquidation prices."""

    def __init__(self) -> None:
        """List it beside the others."""
        super().__init__()
        self.list_market(PERPETUAL, Decimal(61_000))
        self.planned: dict[str, object] = {}

    async def plan(self, spec: GridSpec) -> GridPlan:
        """Return a plan changed as set."""
        return msgspec.structs.replace(await super().plan(spec), **self.planned)


def serving(desk: FakeDesk, *modes: Mode, cap: int | None = None) -> FakeDesk:
    """Let a desk have accounts for ``modes``."""
    accounts = tuple(
        AccountView(mode=each, exchange="binance", connected=True, last_reconciled_at=None) for each in modes
    )
    caps = {} if cap is None else {Mode.PRODUCTION: Decimal(cap)}
    desk.view = msgspec.structs.replace(desk.view, mode=modes[0], accounts=accounts, caps=caps)
    return desk


async def test_without_anything_it_asks_for_a_market() -> None:
    card = await Stage().card("/grid")
    assert value(card, "BTC/USDT") == "61000.00 USDT"
    assert lines(card) == ["/grid BTC/USDT", "/grid ETH/USDT", "/markets"]
    assert card.mode == "shadow"


async def test_a_market_alone_proposes_three_ranges_and_says_where_they_come_from() -> None:
    card = await Stage().card("/grid btcusdt")
    assert card.title == "BTC/USDT at 61000.00: which range?"
    assert [each.label for each in card.fields] == ["Narrow", "Medium", "Wide"]
    assert "highest and lowest price of the last 24 hours" in value(card, "Narrow")
    assert "highest and lowest price of the last 30 days" in value(card, "Wide")
    assert lines(card)[0] == "/grid BTC/USDT 59080 62870 13"
    assert len(lines(card)) == 3


async def test_the_guided_way_leads_to_a_running_bot() -> None:
    stage = Stage()
    market = lines(await stage.card("/grid"))[0]
    chosen = lines(await stage.card(market))[1]
    invest = lines(await stage.card(chosen))[0]
    receipt = await stage.confirmed(invest)
    assert isinstance(receipt, Card)
    assert receipt.title == "Bot 1 BTC/USDT started with 850.00 USDT"
    (control,) = stage.desk.asked
    assert isinstance(control, StartBot)
    assert control.by == "telegram:tim"
    assert control.plan
    assert control.spec.investment == Decimal(850)
    assert lines(receipt) == ["/bots 1", "/chart 1", "/sl 1"]


async def test_a_range_without_lines_offers_numbers_of_lines_that_pay_their_fees() -> None:
    card = await Stage().card("/grid BTC/USDT 58000 64000")
    assert lines(card) == [f"/grid BTC/USDT 58000 64000 {count}" for count in (5, 10, 20)]
    assert "0.20 %" in card.note


async def test_investments_are_shares_of_what_is_free() -> None:
    card = await Stage().card("/grid BTC/USDT 58000 64000 20")
    assert value(card, "Free") == "8500.25 USDT"
    assert lines(card)[0] == "/grid BTC/USDT 58000 64000 20 850"
    assert len(lines(card)) == 4


async def test_the_plan_shows_everything_that_matters_before_anything_happens() -> None:
    proposal = await Stage().proposal(LINE + " arithmetic 5% 55000 stop_sell")
    card = proposal.card
    assert card.title == "Start a grid on BTC/USDT with 1000.00 USDT?"
    assert card.mode == "shadow"
    assert value(card, "Range") == "58000.00 – 64000.00 USDT"
    assert value(card, "Lines") == "20 lines, equal steps"
    assert value(card, "Each order").startswith("0.00082 BTC (")
    assert "…" in value(card, "Net per cycle")
    assert value(card, "Buys at once").startswith("0.0082 BTC for ")
    assert value(card, "If price falls to 58000.00").startswith("-")
    assert value(card, "At the stop loss") == "-58.20 USDT (-5.82 %)"
    assert value(card, "Fees assumed") == "maker 0.10 %, taker 0.10 %"
    assert value(card, "Take profit") == "5% of the investment"
    assert value(card, "Stop loss") == "price 55000.00 USDT"
    assert value(card, "Out of range") == "stops and sells what it holds"
    for label in ("Kept for buys", "Left unused", "Step", "Price now"):
        assert value(card, label)
    assert "No real money moves" in card.note
    assert proposal.confirm.label == "Start"


async def test_confirming_starts_exactly_what_was_shown() -> None:
    stage = Stage()
    await stage.confirmed(LINE + " arithmetic tp=5% sl=55000 out_of_range=stop_sell")
    (control,) = stage.desk.asked
    assert isinstance(control, StartBot)
    spec = control.spec
    assert (spec.lower, spec.upper, spec.levels) == (Decimal(58000), Decimal(64000), 20)
    assert spec.investment == Decimal(1000)
    assert (spec.spacing, spec.out_of_range) == (Spacing.ARITHMETIC, OutOfRange.STOP_SELL)
    assert spec.take_profit == Trigger(TriggerKind.PERCENT, Decimal(5))
    assert spec.stop_loss == Trigger(TriggerKind.PRICE, Decimal(55000))


async def test_a_moved_price_asks_again() -> None:
    stage = Stage()
    proposal = await stage.proposal(LINE)
    stage.desk.tickers["BTC/USDT"] = Ticker("BTC/USDT", Decimal(61500), Decimal(61501), Decimal(61500), stage.desk.now)
    again = await stage.proposal(proposal.confirm.line)
    assert "please confirm again" in again.card.note
    assert again.plan_id != proposal.plan_id


async def test_every_problem_is_a_failure_and_what_can_be_cured_has_a_button() -> None:
    desk = FakeDesk()
    desk.plan_problems = (
        Problem(field="levels", value="200", problem="Each slot would lose to fees.", accepted="at most 48"),
        Problem(field="investment", value="100", problem="Orders would be too small.", accepted="at least 260 USDT"),
    )
    desk.largest_levels, desk.smallest_investment = 48, Decimal(260)
    replies = await Stage(desk=desk).say("/grid BTC/USDT 58000 64000 200 100 sl=5%")
    assert [each.field for each in replies if isinstance(each, Failure)] == ["levels", "investment"]
    assert lines(replies[-1]) == [
        "/grid BTC/USDT 58000 64000 48 100 sl=5%",
        "/grid BTC/USDT 58000 64000 200 260 sl=5%",
    ]


async def test_no_investment_is_offered_that_could_not_start() -> None:
    desk = FakeDesk()
    desk.plan_problems = (Problem(field="investment", value="8500", problem="Too small.", accepted="more"),)
    (failure,) = await Stage(desk=desk).say("/grid BTC/USDT 58000 64000 20")
    assert isinstance(failure, Failure)
    assert failure.field == "investment"


async def test_without_free_money_it_says_so() -> None:
    desk = FakeDesk()
    desk.balances = (AssetView(asset="USDT", free=Decimal(0), locked=Decimal(5), in_bots=Decimal(5)),)
    failure = await Stage(desk=desk).failure("/grid BTC/USDT 58000 64000 20")
    assert failure.field == "investment"
    assert lines(failure) == ["/balance"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("/grid NOPE/USDT", "symbol"),
        ("/grid BTC/USDT 58000", "upper"),
        ("/grid BTC/USDT 64000 58000 20 1000", "upper"),
        ("/grid BTC/USDT -5 64000", "lower"),
        ("/grid BTC/USDT 58000 64000 1 1000", "levels"),
        ("/grid BTC/USDT 58000 64000 20 0", "investment"),
        ("/grid BTC/USDT 58000 64000 20 1000 curved", "spacing"),
        ("/grid BTC/USDT 58000 64000 20 1000 sl=lots", "sl"),
        ("/grid BTC/USDT abc", "lower"),
    ],
)
async def test_bad_input_names_the_field_and_what_is_accepted(line: str, field: str) -> None:
    stage = Stage()
    failure = await stage.failure(line)
    assert failure.field == field
    assert failure.accepted
    assert stage.desk.asked == []


async def test_an_engine_that_refuses_is_not_reported_as_a_start() -> None:
    stage = Stage()
    proposal = await stage.proposal(LINE)
    stage.desk.problem = "at most 10 bots may run"
    assert await stage.one(proposal.confirm.line) == Failure(problem="at most 10 bots may run")


async def test_a_market_without_a_past_gets_ranges_around_its_price() -> None:
    desk = FakeDesk()
    desk.no_candles = True
    card = await Stage(desk=desk).card("/grid SOL/USDT")
    assert "3 % around the price: there are no past prices" in value(card, "Narrow")


async def test_viewers_may_not_start_grids() -> None:
    assert (await Stage().failure(LINE, "vera")).field == "role"


async def test_a_grid_starts_where_money_is_real_only_once_that_is_armed() -> None:
    disarmed = Stage(desk=serving(FakeDesk(), Mode.PRODUCTION, Mode.SHADOW))
    assert (await disarmed.proposal(LINE)).card.mode is Mode.SHADOW
    assert (await disarmed.proposal(LINE + " mode=production")).card.mode is Mode.PRODUCTION
    armed = Stage(desk=serving(FakeDesk(), Mode.PRODUCTION, Mode.SHADOW, cap=500))
    assert (await armed.proposal(LINE)).card.mode is Mode.PRODUCTION
    assert "Real money moves" in (await armed.proposal(LINE)).card.note
    assert (await armed.proposal(LINE + " mode=shadow")).card.mode is Mode.SHADOW
    card = await armed.card("/grid BTC/USDT 58000 64000 mode=shadow")
    assert lines(card)[0] == "/grid BTC/USDT 58000 64000 5 mode=shadow", "what differs from the usual is kept"


async def test_a_mode_without_an_account_is_refused_and_one_that_is_not_armed_leads_to_it() -> None:
    shadow = Stage(desk=serving(FakeDesk(), Mode.SHADOW))
    failure = await shadow.failure(LINE + " mode=production")
    assert (failure.field, failure.accepted) == ("mode", "one of: shadow")
    stage = Stage(desk=serving(FakeDesk(), Mode.PRODUCTION, Mode.SHADOW))
    stage.desk.plan_problems = (Problem(field="mode", value="production", problem="not armed", accepted="arm it"),)
    assert lines(await stage.failure(LINE + " mode=production")) == ["/mode"]


async def test_a_plan_on_a_perpetual_shows_leverage_liquidation_and_the_stop_on_the_exchange() -> None:
    desk = Perpetuals()
    desk.planned = {
        "initial_buy": Decimal(0),
        "initial_sell": Decimal("0.01"),
        "worst_at_upper": Decimal(-40),
        "liquidation_below": Decimal(40_000),
        "liquidation_above": Decimal(80_000),
    }
    card = (await Stage(desk=desk).proposal(FUTURES_LINE + " direction=short leverage=3 margin=isolated")).card
    assert value(card, "Position") == "short, leverage 3, isolated margin"
    assert value(card, "Sells at once") == "0.01 BTC, worth 610.00 USDT"
    assert value(card, "If price rises to 64000.00") == "-40.00 USDT (-4.00 %)"
    assert value(card, "Liquidation below") == "40000.00 with all orders filled, 31.03 % beyond the range"
    assert value(card, "Liquidation above") == "80000.00 with all orders filled, 25.00 % beyond the range"
    assert value(card, "Stop on the exchange") == "about 49000.00, 72000.00"
    assert value(card, "Margin for orders")
    assert "Funding is paid" in card.note
    stopped = (await Stage(desk=desk).proposal(FUTURES_LINE + " direction=long sl=50000")).card
    assert value(stopped, "Stop on the exchange") == "50000.00"


async def test_what_is_left_out_on_a_perpetual_comes_from_the_settings() -> None:
    async def spec_of(**grid: object) -> GridSpec:
        stage = Stage(desk=Perpetuals(), settings=Settings.model_validate({"grid": grid}))
        await stage.confirmed(FUTURES_LINE)
        (control,) = stage.desk.asked
        assert isinstance(control, StartBot)
        return control.spec

    usual = await spec_of()
    assert (usual.direction, usual.leverage, usual.margin) == (Direction.NEUTRAL, 1, MarginMode.CROSS)
    assert (await spec_of(leverage=4)).leverage == 4
    own = await spec_of(leverage=4, futures={"leverage": 2, "position_side": "SHORT", "use_isolated_margin": True})
    assert (own.direction, own.leverage, own.margin) == (Direction.SHORT, 2, MarginMode.ISOLATED)


async def test_borrowed_money_on_a_spot_market_points_to_the_perpetual() -> None:
    for words in ("leverage=3", "direction=short", "margin=isolated"):
        failure = await Stage().failure(f"{LINE} {words}")
        assert (failure.field, failure.accepted) == ("symbol", "a perpetual such as BTC/USDT:USDT")


async def test_a_leverage_that_does_not_work_offers_those_that_do() -> None:
    desk = Perpetuals()
    desk.plan_problems = (Problem(field="leverage", value="50", problem="too much", accepted="2 to 8"),)
    desk.planned = {"leverages": (2, 8)}
    failure = await Stage(desk=desk).failure(FUTURES_LINE + " leverage=50")
    assert lines(failure) == [f"{FUTURES_LINE} leverage=2", f"{FUTURES_LINE} leverage=8"]


async def test_a_price_outside_the_range_is_said_and_the_ends_lie_where_they_lie() -> None:
    below = (await Stage().proposal("/grid BTC/USDT 65000 70000 11 1000")).card
    assert value(below, "Price now") == "61000.00 USDT, below the range"
    assert value(below, "If price rises to 65000.00")
    waiting = (await Stage().proposal("/grid BTC/USDT 55000 70000 11 1000 trigger=58000")).card
    assert value(waiting, "Price at the start")


async def test_what_stands_against_every_investment_is_all_that_is_said() -> None:
    stage = Stage()
    taken = Problem(field="symbol", value="BTC/USDT", problem="a bot trades it", accepted="another market")
    stage.desk.plan_problems = (taken,)
    failure = await stage.failure("/grid BTC/USDT 58000 64000 9")
    assert (failure.field, failure.problem) == ("symbol", "A bot trades it")
