"""Each thing that could stand in an order's way is found, and nothing is found where all is well."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.events import EngineStarted, PauseBot, Reconciled, RejectReason, ResumeBot
from data.grids import MarginMode
from data.market import FeeAsset, Market, MarketKind
from data.orders import OrderStatus
from data.values import Millis, Mode, Side
from engine.accounts.checkup import DAY, Checkup, examine_key, record
from engine.accounts.findings import Check, Finding, Grade
from engine.clock import ManualClock
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, OrderReport, Position, Rejected, Rights, Submitted
from engine.exchanges.faults import Unauthorised
from engine.risk import Approved, RiskLimits
from tests.engine.fake_exchange import MARKET, NOW, SYMBOL, FakeExchange
from tests.engine.live import Live, living

D = Decimal
BOTH = frozenset(MarketKind)
FULL = Rights(spot=True, perpetual=True, withdraw=False, transfer=True, bound_to_address=True)


class Real(FakeExchange):
    """An account with a key, whose answers tests set."""

    def __init__(self, clock: ManualClock, mode: Mode = Mode.PRODUCTION) -> None:
        super().__init__(clock)
        self.mode = mode
        self.key: Rights | ExchangeUnavailable | None = FULL
        self.skew = 12
        self.listed: Market | None = MARKET
        self.closed = False
        self.resting: list[str] = []
        self.open_positions: list[Position] = []
        self.shared = False

    async def rights(self) -> Rights | None:
        """Return what the key may do."""
        if isinstance(self.key, ExchangeUnavailable):
            raise self.key
        return self.key

    async def clock_skew(self) -> int:
        """Return what was set."""
        self._answering()
        return self.skew

    async def submit(self, order: Approved) -> Submitted:
        """Refuse while the market is closed."""
        if self.closed:
            return Rejected(client_id=order.draft.client_id, reason=RejectReason.MARKET_CLOSED, message="closed")
        return await super().submit(order)

    async def market(self, symbol: str) -> Market:
        """Return what is listed."""
        if self.listed is None:
            raise MarketUnknown(symbol)
        return self.listed

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return orders under the names that were set."""
        self._answering()
        return [
            OrderReport(
                client_id=name, exchange_id="1", symbol=symbol, side=Side.BUY, price=D(1), quantity=D(1), filled=D(0),
                status=OrderStatus.OPEN,
            )
            for name in self.resting
        ]  # fmt: skip

    async def positions(self) -> Sequence[Position]:
        """Return what was set."""
        self._answering()
        return self.open_positions

    async def shares_margin(self) -> bool:
        """Return what was set."""
        self._answering()
        return self.shared


class Picky(Real):
    """Knows the orders of no market but one."""

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Know one market."""
        if symbol != SYMBOL:
            raise MarketUnknown(symbol)
        return []


class Around:
    """Chats and files as told."""

    def __init__(self) -> None:
        self.told: Millis | None = NOW
        self.backed: Millis | None = NOW
        self.rang = 0

    def told_at(self) -> Millis | None:
        """Return what was set."""
        return self.told

    def ring(self) -> None:
        """Count."""
        self.rang += 1

    def backed_up_at(self) -> Millis | None:
        """Return what was set."""
        return self.backed


def position(quantity: str) -> Position:
    return Position(
        symbol="AAA/USDT:USDT",
        quantity=D(quantity),
        entry_price=D(100),
        mark_price=D(100),
        liquidation_price=None,
        leverage=1,
        margin=MarginMode.CROSS,
    )


def checkup(live: Live, around: Around | None = None) -> Checkup:
    return Checkup(live.runner, around or Around(), kinds=BOTH, most_skew=1_000)


def bad(findings: Sequence[Finding]) -> list[tuple[Check, Grade]]:
    return [(each.check, each.grade) for each in findings if each.grade is not Grade.GOOD]


def one_good(findings: Sequence[Finding], check: Check) -> Finding:
    (found,) = [each for each in findings if each.check is check and each.grade is Grade.GOOD]
    return found


def one(findings: Sequence[Finding], check: Check) -> Finding:
    (found,) = [each for each in findings if each.check is check and each.grade is not Grade.GOOD]
    return found


async def test_everything_that_speaks_against_real_money_is_listed_and_the_rest_is_good() -> None:
    clock = ManualClock(NOW)
    exchange = Real(clock)
    async with living(exchange=exchange, clock=clock, limits=RiskLimits(max_order_notional=D(1))) as live:
        around = Around()
        found = await checkup(live, around).readiness(Mode.PRODUCTION, [SYMBOL])
        assert bad(found) == [(Check.RECORD, Grade.BAD), (Check.LIMITS, Grade.BAD)]
        assert {each.check for each in found} >= {Check.KEY, Check.WITHDRAWAL, Check.ADDRESS, Check.CLOCK, Check.OTHERS}
        around.told = NOW - DAY - 1
        around.backed = None
        exchange.skew, exchange.key = -1_001, msgspec.structs.replace(FULL, withdraw=True, bound_to_address=False)
        exchange.open_positions = [position("1"), position("-1")]
        exchange.shared = True
        found = await checkup(live, around).readiness(Mode.PRODUCTION, [SYMBOL])
        assert bad(found) == [
            (Check.WITHDRAWAL, Grade.BAD),
            (Check.ADDRESS, Grade.WARNING),
            (Check.CLOCK, Grade.BAD),
            (Check.POSITION_MODE, Grade.BAD),
            (Check.ASSET_MODE, Grade.BAD),
            (Check.RECORD, Grade.BAD),
            (Check.LIMITS, Grade.BAD),
            (Check.CHAT, Grade.BAD),
            (Check.BACKUP, Grade.WARNING),
        ]
        assert around.rang == 1


async def test_a_record_in_shadow_mode_is_days_and_fills() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.exchange.price(D(97))
        await live.until(lambda: live.bot.books.fills > 1)
        found = record(live.runner.engine.state, NOW)
        assert (found.grade, found.facts["bots"], found.facts["days"]) == (Grade.WARNING, "1", "0")
        assert record(live.runner.engine.state, NOW + 7 * DAY).grade is Grade.GOOD


async def test_an_engine_without_that_mode_says_only_that() -> None:
    async with living() as live:
        (found,) = await checkup(live).readiness(Mode.PRODUCTION)
        assert (found.check, found.facts) == (Check.MODE, {"mode": "production", "engine": "shadow"})


async def test_a_key_is_refused_or_not_known_or_lacking_or_simply_not_needed() -> None:
    clock = ManualClock(NOW)
    real, test = Real(clock), Real(clock, Mode.TESTNET)
    assert await examine_key(FakeExchange(clock), BOTH) == []
    real.key = Unauthorised("Invalid API-key.")
    assert [each.facts for each in await examine_key(real, BOTH)] == [
        {"mode": "production", "refused": "Invalid API-key"}
    ]
    real.key = ExchangeUnavailable("down")
    assert [each.facts for each in await examine_key(real, BOTH)] == [{"mode": "production", "unknown": "down"}]
    real.key = None
    assert [(each.check, each.grade) for each in await examine_key(real, BOTH)] == [(Check.KEY, Grade.BAD)]
    test.key = msgspec.structs.replace(FULL, perpetual=False, withdraw=True)
    assert bad(await examine_key(test, BOTH)) == [(Check.RIGHTS, Grade.BAD)]
    assert bad(await examine_key(test, {MarketKind.SPOT})) == []


async def test_orders_of_another_installation_are_counted_and_others_are_not() -> None:
    clock = ManualClock(NOW)
    exchange = Real(clock)
    async with living(exchange=exchange, clock=clock) as live:
        live.runner.post(EngineStarted(at=NOW, version="t", limits=None, tag="mine"))
        await live.runner.settled()
        exchange.resting = ["btmine-1-1-0b1", "by hand", "btyours-1-1-0b1", "bt-1-1-0b1"]
        found = one(await checkup(live).readiness(Mode.PRODUCTION, [SYMBOL]), Check.OTHERS)
        assert found.facts == {"count": "2", "example": "bt-1-1-0b1"}
        exchange.down = True
        found = one(await checkup(live).readiness(Mode.PRODUCTION, [SYMBOL]), Check.OTHERS)
        assert found.facts == {"unknown": "down"}
        exchange.down = False


async def test_a_market_that_changed_or_went_away_names_the_bot() -> None:
    clock = ManualClock(NOW)
    exchange = Real(clock, Mode.SHADOW)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        assert bad(await checkup(live).health()) == [(Check.STREAM, Grade.BAD)]
        for change, what in (
            ({"price_tick": D(7)}, "price"),
            ({"quantity_step": D(7)}, "quantity"),
            ({"min_quantity": D(70)}, "quantity"),
            ({"max_quantity": D("0.001")}, "quantity"),
            ({"min_notional": D(5_000)}, "worth"),
        ):
            filters = msgspec.structs.replace(MARKET.filters, **change)
            exchange.listed = msgspec.structs.replace(MARKET, filters=filters)
            found = one(await checkup(live).health(), Check.FILTERS)
            assert (found.facts["bot"], found.facts["what"]) == ("1", what)
        exchange.listed = None
        assert one(await checkup(live).health(), Check.LISTED).facts == {"bot": "1", "symbol": SYMBOL}


async def test_orders_that_a_closed_market_refused_are_counted() -> None:
    clock = ManualClock(NOW)
    exchange = Real(clock, Mode.SHADOW)
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        assert Check.REFUSED not in [each.check for each in await checkup(live).health()]
        count = len(live.bot.live)
        await live.runner.ask(PauseBot(at=NOW, by="t", bot=1))
        await live.until(lambda: not live.bot.live)
        exchange.closed = True
        await live.runner.ask(ResumeBot(at=NOW, by="t", bot=1))
        await live.until(lambda: not live.bot.live)
        found = one(await checkup(live).health(), Check.REFUSED)
        assert found.facts == {"bot": "1", "symbol": SYMBOL, "count": str(count)}


async def test_what_a_fee_in_base_leaves_of_a_slot_is_no_misfit() -> None:
    clock = ManualClock(NOW)
    market = msgspec.structs.replace(MARKET, fees=msgspec.structs.replace(MARKET.fees, asset=FeeAsset.RECEIVED))
    exchange = Real(clock, Mode.SHADOW)
    exchange.listed = market
    async with living(exchange=exchange, clock=clock) as live:
        await live.start_bot()
        await live.settle()
        bot = live.runner.engine.state.bots[1]
        bot.market = market
        bot.slots[0].capacity -= market.filters.quantity_step / 3
        assert Check.FILTERS not in [each for each, _grade in bad(await checkup(live).health())]


async def test_silence_is_a_lost_connection_or_a_price_that_grew_old() -> None:
    clock = ManualClock(NOW)
    async with living(clock=clock, limits=RiskLimits(stale_millis=60_000)) as live:
        await live.start_bot()
        await live.settle()
        (account,) = live.runner.accounts.values()
        account.connected = False
        assert "symbol" not in one(await checkup(live).health(), Check.STREAM).facts
        account.connected = True
        assert bad(await checkup(live).health()) == []
        clock.advance(61_000)
        assert one(await checkup(live).health(), Check.STREAM).facts["seconds"] == "61"


async def test_orders_of_somebody_else_on_a_bots_market_are_a_warning() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        report = Reconciled(at=NOW, symbol=SYMBOL, recovered_fills=0, resolved_orders=0, foreign_orders=("x",), gap={})
        live.runner.post(report)
        await live.runner.settled()
        found = one(await checkup(live).health(), Check.FOREIGN)
        assert (found.grade, found.facts["count"], found.facts["example"]) == (Grade.WARNING, "1", "x")


async def test_a_bot_whose_mode_nobody_serves_is_named() -> None:
    async with living() as live:
        await live.start_bot()
        await live.settle()
        live.bot.spec = msgspec.structs.replace(live.bot.spec, mode=Mode.PRODUCTION)
        found = one(await checkup(live).health(), Check.MODE)
        assert found.facts == {"mode": "production", "engine": "shadow", "bot": "1"}


async def test_only_a_known_right_to_withdraw_disarms() -> None:
    clock = ManualClock(NOW)
    exchange = Real(clock)
    async with living(exchange=exchange, clock=clock) as live:
        looked = checkup(live)
        assert not await looked.withdrawable(Mode.PRODUCTION)
        assert not await looked.withdrawable(Mode.TESTNET)
        exchange.key = msgspec.structs.replace(FULL, withdraw=True)
        assert await looked.withdrawable(Mode.PRODUCTION)
        exchange.key = ExchangeUnavailable("down")
        assert not await looked.withdrawable(Mode.PRODUCTION)


async def test_what_an_exchange_does_not_answer_is_not_known_and_counts_as_bad() -> None:
    clock = ManualClock(NOW)
    exchange = Real(clock)
    limits = RiskLimits(max_order_notional=D(100), max_total_exposure=D(1_000))
    async with living(exchange=exchange, clock=clock, limits=limits) as live:
        exchange.down, exchange.key = True, ExchangeUnavailable("down")
        found = await checkup(live).readiness(Mode.PRODUCTION, [SYMBOL])
        unknown = [each.check for each in found if each.facts.get("unknown") == "down"]
        assert unknown == [Check.KEY, Check.CLOCK, Check.POSITION_MODE, Check.ASSET_MODE, Check.OTHERS]
        assert all(each.grade is Grade.BAD for each in found if each.check in unknown)
        exchange.down = False
        assert one_good(found, Check.LIMITS).facts == {"order": "100", "total": "1000"}


async def test_a_market_that_nobody_lists_and_an_exchange_that_is_silent_hide_no_orders() -> None:
    clock = ManualClock(NOW)
    exchange = Picky(clock)
    async with living(exchange=exchange, clock=clock) as live:
        assert one_good(await checkup(live).readiness(Mode.PRODUCTION, ["X/Y", SYMBOL]), Check.OTHERS).facts == {}
        spot_alone = Checkup(live.runner, Around(), kinds={MarketKind.SPOT}, most_skew=1_000)
        checks = {each.check for each in await spot_alone.readiness(Mode.PRODUCTION)}
        assert not checks & {Check.POSITION_MODE, Check.ASSET_MODE}
