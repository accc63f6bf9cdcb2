"""Every refusal has a case that earns it, and a neighbour just inside the limit that passes."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest

from data.advice import TradingState
from data.events import OrderAccepted, OrderFilled, StartBot, TickerMoved
from data.grids import GridSpec, Spacing
from data.market import Fees, Filters, Market, Ticker
from data.orders import Draft, Fill, OrderType, Purpose, RefusalCode, Refused
from data.values import ZERO, Mode, Side
from engine.core import Engine
from engine.risk import Approved, RiskLimits, check
from engine.state import EngineState

D = Decimal
NOW = 1_700_000_000_000
MARKET = Market(
    exchange="x",
    symbol="AAA/USDT",
    base="AAA",
    quote="USDT",
    filters=Filters(
        price_tick=D("0.1"),
        quantity_step=D("0.01"),
        min_quantity=D("0.05"),
        max_quantity=D(20),
        min_notional=D(6),
        max_orders=12,
    ),
    fees=Fees(maker=D("0.001"), taker=D("0.001")),
)
LIMITS = RiskLimits(max_order_notional=D(300), max_total_exposure=D(2_000), price_band_percent=D(20))

REAL = msgspec.structs.replace(LIMITS, armed=(Mode.PRODUCTION, Mode.SHADOW))


def running() -> EngineState:
    """Return the state of one bot at 100 that holds base for five slots and bids for five."""
    engine = Engine(LIMITS)
    engine.step(TickerMoved(at=NOW, ticker=Ticker("AAA/USDT", D(100), D(100), D(100), NOW)))
    spec = GridSpec(
        symbol="AAA/USDT", lower=D(90), upper=D(110), levels=11, spacing=Spacing.ARITHMETIC, investment=D(1_000)
    )
    started = engine.step(StartBot(at=NOW, by="t", spec=spec, market=MARKET))
    initial = next(each.draft for each in started.approved if each.draft.purpose is Purpose.INITIAL)
    engine.step(OrderAccepted(at=NOW, client_id=initial.client_id, exchange_id="1"))
    fill = Fill(
        trade_id="1",
        client_id=initial.client_id,
        symbol="AAA/USDT",
        side=Side.BUY,
        price=D(100),
        quantity=initial.quantity,
        fee=initial.quantity * D("0.1"),
        fee_asset="USDT",
        fee_quote=initial.quantity * D("0.1"),
        maker=False,
        at=NOW,
    )
    engine.step(OrderFilled(at=NOW, fill=fill))
    assert len(engine.state.orders) == 10
    # Make room for the drafts below: one bid and one offer fewer.
    return engine.state


def bid(**changes: object) -> Draft:
    """Return a bid that passes in ``freed()``, with ``changes``."""
    draft = Draft(
        client_id="bt-1-1-0b9",
        bot=1,
        slot=0,
        symbol="AAA/USDT",
        mode=Mode.SHADOW,
        side=Side.BUY,
        type=OrderType.LIMIT_MAKER,
        purpose=Purpose.GRID,
        price=D(90),
        quantity=D("0.1"),
    )
    return msgspec.structs.replace(draft, **changes)


def offer(**changes: object) -> Draft:
    """Return an offer with ``changes``."""
    return bid(client_id="bt-1-1-9s9", slot=9, side=Side.SELL, price=D(110), **changes)


class Case(NamedTuple):
    """A draft that is refused, one that is just not, and what is special about limits and state."""

    refused: Draft
    passed: Draft
    limits: RiskLimits = LIMITS
    trading: TradingState = TradingState.ACTIVE
    late: int = 0
    priced: bool = True


def freed() -> EngineState:
    """Return ``running()`` with cash and base to spare."""
    state = running()
    books = state.bots[1].books
    books.cash += D(500)
    books.base += D(5)
    return state


def go_live(state: EngineState, cap: Decimal) -> None:
    """Make the bot one of real money that may be used up to ``cap``."""
    bot = state.bots[1]
    bot.spec = msgspec.structs.replace(bot.spec, mode=Mode.PRODUCTION)
    state.armed[Mode.PRODUCTION] = cap


CASES = {
    RefusalCode.TRADING_HALTED: Case(offer(), offer(purpose=Purpose.CLOSE), trading=TradingState.HALTED),
    RefusalCode.TRADING_REDUCING: Case(bid(), offer(), trading=TradingState.REDUCING),
    RefusalCode.MARKET_UNKNOWN: Case(bid(bot=7), bid()),
    RefusalCode.PRICE_MISSING: Case(bid(symbol="BBB/USDT"), bid()),
    RefusalCode.PRICE_STALE: Case(
        bid(), bid(), late=60_001, limits=msgspec.structs.replace(LIMITS, stale_millis=60_000)
    ),
    RefusalCode.OFF_TICK: Case(bid(price=D("90.05")), bid(price=D("90.1"))),
    RefusalCode.OFF_STEP: Case(bid(quantity=D("0.105")), bid(quantity=D("0.11"))),
    RefusalCode.BELOW_MIN_QUANTITY: Case(offer(quantity=D("0.04")), offer(quantity=D("0.06"))),
    RefusalCode.ABOVE_MAX_QUANTITY: Case(bid(quantity=D("20.01")), bid(quantity=D("3"))),
    RefusalCode.BELOW_MIN_NOTIONAL: Case(bid(quantity=D("0.06")), bid(quantity=D("0.07"))),
    RefusalCode.ABOVE_MAX_ORDER_NOTIONAL: Case(bid(quantity=D("3.34")), bid(quantity=D("3.33"))),
    RefusalCode.PRICE_FAR_FROM_MARKET: Case(bid(price=D("79.9")), bid(price=D(80))),
    RefusalCode.TOO_MANY_ORDERS: Case(bid(bot=1), bid(), limits=LIMITS),
    RefusalCode.ABOVE_BOT_BUDGET: Case(bid(), bid()),
    RefusalCode.ABOVE_TOTAL_EXPOSURE: Case(
        bid(quantity=D(3)), bid(), limits=msgspec.structs.replace(LIMITS, max_total_exposure=D(1_700))
    ),
    RefusalCode.NOT_HELD: Case(offer(quantity=D("5.01")), offer(quantity=D("5"))),
    RefusalCode.MODE_NOT_ARMED: Case(bid(mode=Mode.PRODUCTION), bid()),
    RefusalCode.ABOVE_MODE_CAP: Case(bid(quantity=D(3), mode=Mode.PRODUCTION), bid(), limits=REAL),
}


def prepared(case: Case, code: RefusalCode) -> EngineState:
    """Return the state in which the case's draft is refused."""
    state = freed()
    state.person_state = case.trading
    if code is RefusalCode.TOO_MANY_ORDERS:
        crowd = msgspec.structs.replace(
            MARKET, filters=msgspec.structs.replace(MARKET.filters, max_orders=len(state.orders))
        )
        state.bots[1].market = crowd
    if code is RefusalCode.ABOVE_MODE_CAP:
        go_live(state, D(1_700))
    if code is RefusalCode.ABOVE_BOT_BUDGET:
        state.bots[1].books.cash -= D(500)
        state.bots[1].books.cash -= state.bots[1].books.cash - state.bots[1].bid - D(9)
    return state


@pytest.mark.parametrize("code", CASES)
def test_each_refusal_is_earned(code: RefusalCode) -> None:
    case = CASES[code]
    verdict = check(prepared(case, code), case.limits, case.refused, NOW + case.late)
    assert isinstance(verdict, Refused)
    assert verdict.code is code
    assert verdict.draft == case.refused
    assert verdict.facts or code in (RefusalCode.TRADING_HALTED, RefusalCode.TRADING_REDUCING)


@pytest.mark.parametrize("code", CASES)
def test_its_neighbour_passes(code: RefusalCode) -> None:
    case = CASES[code]
    state = freed()
    state.person_state = case.trading
    assert check(state, case.limits, case.passed, NOW) == Approved(case.passed)


def test_every_refusal_code_has_a_case() -> None:
    assert set(CASES) == set(RefusalCode)


def test_a_budget_counts_fees_and_what_is_already_bid() -> None:
    state = freed()
    bot = state.bots[1]
    assert bot.bid == sum(
        (o.remaining * o.draft.price * D("1.001") for o in state.orders.values() if o.draft.side is Side.BUY), ZERO
    )
    bot.books.cash = bot.bid + D("9.009")
    assert isinstance(check(state, LIMITS, bid(), NOW), Approved)
    bot.books.cash -= D("0.001")
    assert isinstance(check(state, LIMITS, bid(), NOW), Refused)


def test_a_market_full_of_resting_orders_keeps_no_closing_sale_waiting() -> None:
    state = freed()
    bot = state.bots[1]
    filters = msgspec.structs.replace(bot.market.filters, max_orders=len(bot.live))
    bot.market = msgspec.structs.replace(bot.market, filters=filters)
    refused = check(state, LIMITS, bid(), NOW)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.TOO_MANY_ORDERS
    assert isinstance(check(state, LIMITS, offer(type=OrderType.MARKET, purpose=Purpose.CLOSE), NOW), Approved)


def test_open_orders_of_all_bots_are_counted_but_a_closing_sale_never_waits() -> None:
    state = freed()
    full = msgspec.structs.replace(LIMITS, max_open_orders=len(state.orders))
    refused = check(state, full, bid(), NOW)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.facts) == (RefusalCode.TOO_MANY_ORDERS, {"open": "10", "maximum": "10"})
    closing = offer(type=OrderType.MARKET, purpose=Purpose.CLOSE)
    assert isinstance(check(state, full, closing, NOW), Approved)
    room = msgspec.structs.replace(LIMITS, max_open_orders=len(state.orders) + 1)
    assert isinstance(check(state, room, bid(), NOW), Approved)


def test_a_cap_counts_to_the_last_unit_what_bots_of_its_mode_hold_and_bid_for() -> None:
    state, draft = freed(), bid(mode=Mode.PRODUCTION)
    go_live(state, ZERO)
    bot = state.bots[1]
    state.armed[Mode.PRODUCTION] = bot.books.base * D(100) + bot.bid + draft.notional
    assert isinstance(check(state, REAL, draft, NOW), Approved)
    state.armed[Mode.PRODUCTION] -= D("0.00000001")
    refused = check(state, REAL, draft, NOW)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.ABOVE_MODE_CAP
    assert isinstance(check(state, REAL, bid(), NOW), Approved), "simulated money has no cap"


def test_disarming_lets_closing_sales_through_and_nothing_else() -> None:
    state = freed()
    go_live(state, D(5_000))
    assert isinstance(check(state, REAL, offer(mode=Mode.PRODUCTION), NOW), Approved)
    del state.armed[Mode.PRODUCTION]
    refused = check(state, REAL, offer(mode=Mode.PRODUCTION), NOW)
    assert isinstance(refused, Refused)
    assert refused.facts == {"mode": "production", "armed": "shadow"}
    closing = offer(type=OrderType.MARKET, purpose=Purpose.CLOSE, mode=Mode.PRODUCTION)
    assert isinstance(check(state, REAL, closing, NOW), Approved)
    assert isinstance(check(state, LIMITS, closing, NOW), Refused), "an engine without that mode sends nothing"


@pytest.mark.parametrize(("late", "stale"), [(60_001, True), (60_000, False), (-60_000, False), (-60_001, True)])
def test_a_price_is_as_stale_from_a_clock_that_was_set_back_as_from_long_ago(late: int, stale: bool) -> None:
    limits = msgspec.structs.replace(LIMITS, stale_millis=60_000)
    verdict = check(freed(), limits, bid(), NOW + late)
    assert (isinstance(verdict, Refused) and verdict.code is RefusalCode.PRICE_STALE) is stale
