"""Replays of perpetuals against the reference: same fills, same funding, same money; guarded and liquidated as live."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from data.candles import CandleColumns, read_candles
from data.decisions import Rule
from data.events import FundingPaid, OrderFilled, Reconciled, StopReason
from data.funding import FundingColumns, read_funding
from data.grids import Direction, GridSpec, MarginMode, OutOfRange, Spacing, Trigger, TriggerKind
from data.journal import Journal
from data.market import Market
from data.orders import Purpose, parse_client_id
from data.values import ZERO, Millis, round_to
from engine.core import Engine
from engine.exchanges.candle_market import ReplayMarket, market_of
from engine.exchanges.tiers import CAUTIOUS, LARGEST
from engine.recording import rebuild
from engine.replay import ReplayRefused, ReplayReport
from engine.replay_perpetual import PerpetualReplay
from engine.state import freeze
from engine.views import BotStatus
from tests.engine.reference_perpetual import PerpetualReference, Traded

D = Decimal
FUTURES = Path(__file__).parents[2] / "../shared/data/futures"
SYNTHETIC = Path(__file__).with_name("candles") / "restless.csv"
HOUR: Millis = 3_600_000
SPEC = GridSpec(symbol="BTC/USDT:USDT", lower=D(1), upper=D(2), levels=40, investment=D(20_000), leverage=2)
RECORDED = (
    ("BTC", "1h", "202001_202412", "funding-8h-201909_202412", 0, 1_600, 2),
    ("BTC", "1h", "202001_202412", "funding-8h-201909_202412", 9_000, 4_000, 1),
    ("BTC", "1h", "202001_202412", "funding-8h-201909_202412", 34_000, 9_000, 3),
    ("ETH", "1h", "202001_202412", "funding-8h-201911_202412", 12_000, 3_000, 2),
    ("BTC", "1m", "202307_202308", "funding-8h-201909_202412", 0, 30_000, 4),
)
"""Base, bars, their months, the file of rates, first bar, number of bars, leverage."""


def recorded(name: str) -> Path:
    file = FUTURES / f"binance-usdm-{name}.parquet"
    if not file.exists():
        pytest.skip(f"needs the recorded futures in {FUTURES.resolve()}, which are not part of the repository")
    return file


def cut(columns: CandleColumns, first: int, bars: int) -> CandleColumns:
    """Return ``bars`` bars from one on."""
    rows = {name: getattr(columns, name)[first : first + bars] for name in columns.__struct_fields__}
    return CandleColumns(**rows)


def around(spec: GridSpec, columns: CandleColumns, market: Market) -> GridSpec:
    """Return a grid whose range no bar leaves."""
    tick = market.filters.price_tick
    lower, upper = min(columns.low) * D("0.95"), max(columns.high) * D("1.05")
    return msgspec.structs.replace(spec, lower=round_to(lower, tick), upper=round_to(upper, tick))


def traded(replay: PerpetualReplay, at: list[Millis]) -> list[Traded]:
    """Return the journal's fills as the reference writes them."""
    found = []
    for fill in replay.journal.fills(None, 1_000_000):
        key = parse_client_id(fill.client_id)
        assert key is not None
        found.append((bisect_right(at, fill.at) - 1, key.slot, fill.side.value, fill.price, fill.quantity))
    return sorted(found)


def balanced(report: ReplayReport) -> bool:
    """Return whether the figures of a report add up to the last digit."""
    earned = report.grid_profit + report.unpaired_pnl - report.fees + report.funding - report.liquidation_cost
    return report.equity_change == earned and report.identity_error == ZERO


def run(columns: CandleColumns, spec: GridSpec, market: Market, rates: FundingColumns) -> PerpetualReplay:
    """Replay twice and demand the same journal, the same report, and the same state from that journal."""
    replay, again = (PerpetualReplay(columns, spec, market, Journal.in_memory(), rates) for _ in range(2))
    report, second = replay.run(), again.run()
    assert again.journal.last_digest == replay.journal.last_digest
    assert msgspec.structs.replace(second, bars_per_second=0) == msgspec.structs.replace(report, bars_per_second=0)
    assert balanced(report)
    rebuilt = Engine(replay.engine.limits)
    rebuild(rebuilt, replay.journal.read())
    assert freeze(rebuilt.state) == freeze(replay.engine.state)
    held = replay.account.margin.held(market.symbol)
    worth = replay.account.margin.account(market.symbol).wallet + held.quantity * columns.close[-1] - held.cost
    assert replay.equity[-1] == worth, "the account is worth something else than the books say"
    return replay


def compare(columns: CandleColumns, spec: GridSpec, market: Market, rates: FundingColumns) -> PerpetualReference:
    """Replay and demand what the reference says."""
    replay = run(columns, spec, market, rates)
    bot = replay.bot
    reference = PerpetualReference(spec.direction, bot.lines, bot.size, market.fees, spec.investment)
    reference.run(columns, rates)
    assert traded(replay, columns.at) == sorted(reference.fills)
    books = bot.books
    assert (books.cash, books.base) == (reference.cash, reference.base)
    assert (books.fees, books.funding) == (reference.fees, reference.funding)
    paid = [entry for entry in replay.journal.read() if isinstance(entry.event, FundingPaid)]
    assert len(paid) == reference.payments
    return reference


@pytest.mark.parametrize("margin", list(MarginMode))
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("series", RECORDED, ids=lambda series: f"{series[0]}-{series[1]}-{series[4]}")
def test_recorded_perpetuals_trade_and_pay_as_the_rules_say(
    series: tuple[str, str, str, str, int, int, int], direction: Direction, margin: MarginMode
) -> None:
    base, bars, months, rates, first, count, leverage = series
    columns = cut(read_candles(recorded(f"{base}USDT-{bars}-{months}")), first, count)
    market = market_of(f"{base}/USDT:USDT", columns, SPEC.investment, ReplayMarket())
    # What is set aside for a position alone bears less: the reference knows of no margin that runs short.
    leverage = 1 if margin is MarginMode.ISOLATED else leverage
    spec = msgspec.structs.replace(SPEC, symbol=market.symbol, direction=direction, leverage=leverage, margin=margin)
    reference = compare(columns, around(spec, columns, market), market, read_funding(recorded(f"{base}USDT-{rates}")))
    assert len(reference.fills) > 30
    assert reference.funding != ZERO


@pytest.mark.parametrize("spacing", list(Spacing))
@pytest.mark.parametrize("direction", list(Direction))
def test_synthetic_perpetuals_trade_and_pay_as_the_rules_say(direction: Direction, spacing: Spacing) -> None:
    columns = read_candles(SYNTHETIC)
    market = market_of("AAA/USDT:USDT", columns, D(5_000), ReplayMarket())
    spec = msgspec.structs.replace(SPEC, symbol=market.symbol, direction=direction, spacing=spacing, levels=12)
    # At the start, at an open, within a bar, and after the last one.
    at = [columns.at[0], columns.at[5], columns.at[40] + 7, columns.at[-1] + 10 * HOUR]
    rates = FundingColumns(at=at, rate=[D("0.1"), D("0.0003"), D("-0.0007"), D("0.1")])
    reference = compare(columns, around(spec, columns, market), market, rates)
    assert reference.fills
    assert reference.payments <= 2


def path(*closes: int | str, start: Millis = 1_600_000_000_000) -> CandleColumns:
    """Return hourly bars that open where the one before closed."""
    prices = [D(close) for close in closes]
    opens = prices[:-1]
    return bars_of([(a, max(a, b), min(a, b), b) for a, b in zip(opens, prices[1:], strict=True)], start)


def bars_of(rows: list[tuple[Decimal, Decimal, Decimal, Decimal]], start: Millis = 1_600_000_000_000) -> CandleColumns:
    """Return hourly bars of open, high, low and close."""
    opens, highs, lows, closes = (list(column) for column in zip(*rows, strict=True))
    at = [start + HOUR * number for number in range(len(rows))]
    return CandleColumns(at=at, open=opens, high=highs, low=lows, close=closes, volume=[ZERO] * len(rows))


NEAR = msgspec.structs.replace(SPEC, lower=D(900), upper=D(1100), levels=9, leverage=4)
FINE = ReplayMarket(tick=D("0.01"), step=D("0.001"))


def market_near(columns: CandleColumns) -> Market:
    return market_of(NEAR.symbol, columns, NEAR.investment, FINE)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("way", [-1, 1])
def test_a_position_that_loses_is_closed_before_it_is_liquidated(direction: Direction, way: int) -> None:
    columns = path(*(1001 + way * 15 * step for step in range(50)))
    spec = msgspec.structs.replace(NEAR, direction=direction)
    replay = run(columns, spec, market_near(columns), FundingColumns())
    wins = (direction is Direction.LONG and way > 0) or (direction is Direction.SHORT and way < 0)
    assert replay.liquidations == 0
    if wins:
        assert replay.bot.status is BotStatus.RUNNING
        return
    assert replay.bot.status is BotStatus.STOPPED
    assert replay.bot.books.base == ZERO
    assert replay.bot.stop_reason in (StopReason.STOP_LOSS, StopReason.LIQUIDATION_NEAR)


def test_a_stop_loss_waits_on_the_exchange_and_fills_where_it_lies() -> None:
    columns = path(1001, 950, 880, 840)
    spec = msgspec.structs.replace(NEAR, stop_loss=Trigger(TriggerKind.PRICE, D("866.5")))
    replay = run(columns, spec, market_near(columns), FundingColumns())
    last = [entry.event.fill for entry in replay.journal.read() if isinstance(entry.event, OrderFilled)][-1]
    order = replay.engine.state.finished[last.client_id].order
    assert order.draft.purpose is Purpose.PROTECT
    assert (last.price, replay.bot.stop_reason) == (D("866.5"), StopReason.STOP_LOSS)


@pytest.mark.parametrize(("direction", "opens"), [(Direction.LONG, 400), (Direction.SHORT, 1900)])
@pytest.mark.parametrize("margin", list(MarginMode))
def test_what_opens_beyond_every_stop_is_liquidated_and_ends_there(
    direction: Direction, opens: int, margin: MarginMode
) -> None:
    here, there = D(1001), D(opens)
    rows = [(here, here, here, here), (there, there, there, there), (here, here, here, here)]
    columns = bars_of([*rows, (here, D(1100), D(900), here)])
    spec = msgspec.structs.replace(NEAR, direction=direction, margin=margin)
    replay = Stopless(columns, spec, market_near(columns), Journal.in_memory(), FundingColumns())
    report = replay.run()
    assert (report.liquidations, replay.bot.status) == (1, BotStatus.PAUSED)
    assert balanced(report)
    account = replay.account.margin.account(spec.symbol)
    assert not account.open()
    assert replay.equity[1:] == [account.wallet] * 3
    assert report.liquidation_cost > ZERO > report.equity_change
    gaps = [entry.event.gap for entry in replay.journal.read() if isinstance(entry.event, Reconciled)]
    assert [gap["asset"] for gap in gaps] == [spec.symbol]
    assert Rule.BOOKS_DISAGREE in {decision.rule for decision in replay.journal.decisions(1, 100)}


class Stopless(PerpetualReplay):
    """A replay whose exchange loses every stop before the second bar."""

    def _settle_and_walk(self, bar: object, closed_at: Millis) -> None:
        self.account._stops.clear()
        super()._settle_and_walk(bar, closed_at)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"trail_up": D(1400)},
        {"trail_down": D(700)},
        {"trigger_price": D(960)},
        {"out_of_range": OutOfRange.RECENTRE},
        {"out_of_range": OutOfRange.STOP_SELL},
        {"take_profit": Trigger(TriggerKind.PERCENT, D(2))},
    ],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.parametrize("direction", list(Direction))
def test_every_option_keeps_the_books_exact(direction: Direction, changes: dict[str, object]) -> None:
    swing = [1001 + 10 * (step % 12) + 3 * step for step in range(60)] + [1170 - 12 * step for step in range(30)]
    columns = path(*swing)
    rates = FundingColumns(at=[at + 1 for at in columns.at[::8]], rate=[D("0.0004")] * len(columns.at[::8]))
    replay = run(columns, msgspec.structs.replace(NEAR, direction=direction, **changes), market_near(columns), rates)
    assert replay.bot.books.fills > 0


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("leverage", {"leverage": 21}),
        ("leverage", {"leverage": 0}),
        ("investment", {"investment": D(3)}),
        ("infinity", {"infinity": True}),
        ("reinvest", {"reinvest": True}),
        ("upper", {"upper": D(800)}),
    ],
)
def test_what_cannot_start_is_refused_by_the_name_of_its_field(field: str, changes: dict[str, object]) -> None:
    columns = path(1001, 990)
    spec = msgspec.structs.replace(NEAR, **changes)
    with pytest.raises(ReplayRefused, match=rf"^{field}: .*accepted: "):
        PerpetualReplay(columns, spec, market_near(columns), Journal.in_memory(), FundingColumns()).run()


def test_tiers_and_fees_are_those_of_shadow_mode_unless_given() -> None:
    columns = path(1001, 990)
    known, other = (market_of(f"{base}/USDT:USDT", columns, D(100), ReplayMarket()) for base in ("ETH", "AAA"))
    assert (known.tiers, other.tiers) == (LARGEST, CAUTIOUS)
    assert (known.fees.maker, known.fees.taker) == (D("0.0002"), D("0.0005"))
    given = market_of("AAA/USDT:USDT", columns, D(100), ReplayMarket(fee=D("0.0001"))).fees
    assert (given.maker, given.taker) == (D("0.0001"), D("0.0001"))
