"""Markets, bots, fills and decisions that look like real ones, for tests to take and change."""

from __future__ import annotations

import itertools
from decimal import Decimal

import msgspec

from data.decisions import Alternative, Decision, Input, Rule
from data.grids import GridSpec, Spacing
from data.market import Candle, FeeAsset, Fees, Filters, Market, Ticker
from data.orders import Draft, Fill, Order, OrderKey, OrderStatus, OrderType, Purpose, RefusalCode, Refused, client_id
from data.values import HUNDRED, ONE, ZERO, Millis, Side, floor_to, round_to
from engine.grid.plan import GridPlan, SlotPlan
from engine.views import BotStatus, BotView, Profit, RangePosition, SlotView

NOW: Millis = 1_768_478_400_000
"""2026-01-15T12:00Z."""
HOUR: Millis = 3_600_000
DAY: Millis = 24 * HOUR
PRICES = {"BTC/USDT": Decimal("61000.00"), "ETH/USDT": Decimal("3050.00"), "SOL/USDT": Decimal("142.50")}
FEES = Fees(maker=Decimal("0.001"), taker=Decimal("0.001"), asset=FeeAsset.RECEIVED)


def market(base: str) -> Market:
    """Return a market of ``base`` against USDT with filters like Binance's."""
    filters = Filters(
        price_tick=Decimal("0.01"),
        quantity_step=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        min_notional=Decimal(5),
    )
    return Market(exchange="binance", symbol=f"{base}/USDT", base=base, quote="USDT", filters=filters, fees=FEES)


def ticker(symbol: str, last: Decimal | None = None, at: Millis = NOW - 800) -> Ticker:
    """Return best prices of a market, a cent around ``last``."""
    price = PRICES[symbol] if last is None else last
    return Ticker(symbol=symbol, bid=price - Decimal("0.01"), ask=price + Decimal("0.01"), last=price, at=at)


def wave(last: Decimal, step: Millis, count: int, end: Millis) -> list[Candle]:
    """Return ``count`` bars that end at ``last``; the further back, the wider they swing, up to 12 % either way."""
    swing = [Decimal(each) for each in ("0", "0.5", "1", "0.5", "0", "-0.5", "-1", "-0.5")]
    first = end - end % step - (count - 1) * step
    bars = []
    for index in range(count):
        opened = first + index * step
        width = min(Decimal("0.12"), Decimal("0.02") + Decimal(end - opened) / HOUR * Decimal("0.0003"))
        middle = round_to(last * (ONE + width * swing[(count - 1 - index) % len(swing)]), Decimal("0.01"))
        bars.append(Candle(opened, middle, middle * Decimal("1.005"), middle * Decimal("0.995"), middle, Decimal(12)))
    return bars


def spec(symbol: str = "BTC/USDT", **changes: object) -> GridSpec:
    """Return a 9-line grid around the price of ``symbol``, changed as told."""
    price = PRICES[symbol]
    lower, upper = floor_to(price * Decimal("0.95"), ONE), floor_to(price * Decimal("1.05"), ONE)
    base = GridSpec(
        symbol=symbol, lower=lower, upper=upper, levels=9, spacing=Spacing.ARITHMETIC, investment=Decimal(1000)
    )
    return msgspec.structs.replace(base, **changes)


def lines_of(grid: GridSpec) -> tuple[Decimal, ...]:
    """Return the lines of an arithmetic grid, snapped to cents."""
    width = (grid.upper - grid.lower) / (grid.levels - 1)
    return tuple(round_to(grid.lower + width * index, Decimal("0.01")) for index in range(grid.levels))


def bot_view(
    number: int,
    grid: GridSpec | None = None,
    quoted: Market | None = None,
    *,
    status: BotStatus = BotStatus.RUNNING,
    started_at: Millis = NOW - 3 * DAY,
) -> BotView:
    """Return bot ``number`` on ``grid``, with books that agree and one order per slot while it runs."""
    grid = grid or spec()
    quoted = quoted or market(grid.symbol.split("/")[0])
    lines, price = lines_of(grid), PRICES[grid.symbol]
    quantity = floor_to(grid.investment / grid.upper / (grid.levels - 1), Decimal("0.00001"))
    slots = tuple(_slot(index, pair, quantity, price) for index, pair in enumerate(itertools.pairwise(lines)))
    held = sum((slot.held for slot in slots), ZERO)
    running = status is BotStatus.RUNNING
    return BotView(
        id=number,
        version=1,
        spec=grid,
        market=quoted,
        status=status,
        position=RangePosition.INSIDE,
        lines=lines,
        slots=slots,
        orders=tuple(_order(number, grid, slot, started_at) for slot in slots) if running else (),
        started_at=started_at,
        stopped_at=None if status.active else NOW - HOUR,
        stop_reason=None,
        start_price=price - Decimal(10),
        ticker=ticker(grid.symbol),
        profit=profit(grid.investment, price, held),
    )


def profit(invested: Decimal, mark: Decimal, base: Decimal) -> Profit:
    """Return books with three paired cycles, an unpaired loss and fees; the identity holds exactly."""
    grid_profit, unpaired, fees = Decimal("6.30"), Decimal("-1.85"), Decimal("1.20")
    change = grid_profit + unpaired - fees
    equity = invested + change
    return Profit(
        mark=mark,
        invested=invested,
        cash=equity - base * mark,
        base=base,
        equity=equity,
        change=change,
        grid_profit=grid_profit,
        unpaired=unpaired,
        fees=fees,
        identity_error=ZERO,
        buy_and_hold=invested + Decimal("0.16"),
        hold_initial_mix=invested + Decimal("0.08"),
        cycles=3,
        fills=11,
    )


def plan_of(grid: GridSpec, quoted: Market, at: Ticker) -> GridPlan:
    """Return a plan of ``grid`` with plausible sizes and profits."""
    lines = lines_of(grid)
    quantity = floor_to(grid.investment / grid.upper / max(1, grid.levels - 1), quoted.filters.quantity_step)
    slots = tuple(
        _slot_plan(index, low, high, quantity, at.last) for index, (low, high) in enumerate(itertools.pairwise(lines))
    )
    initial = sum((slot.quantity for slot in slots if slot.full), ZERO)
    cost = initial * at.ask * Decimal("1.001")
    reserve = sum((slot.quantity * slot.lower for slot in slots if not slot.full), ZERO)
    return GridPlan(
        spec=grid,
        market=quoted,
        ticker=at,
        lines=lines,
        slots=slots,
        quantity=quantity,
        initial_buy=initial,
        initial_cost=cost,
        reserve=reserve,
        unused=grid.investment - cost - reserve,
        worst_at_lower=(grid.lower - grid.upper) * quantity * (grid.levels - 1) / 2,
        worst_at_stop=None if grid.stop_loss is None else Decimal("-58.20"),
    )


def sample_fills(bot: BotView) -> tuple[Fill, ...]:
    """Return one buy per slot, one minute apart, newest last."""
    return tuple(
        Fill(
            trade_id=f"{bot.id}-{slot.index}",
            client_id=client_id(OrderKey(bot.id, 1, slot.index, Side.BUY, 1)),
            symbol=bot.spec.symbol,
            side=Side.BUY,
            price=slot.lower,
            quantity=slot.capacity,
            fee=slot.capacity * Decimal("0.001"),
            fee_asset=bot.market.base,
            fee_quote=slot.capacity * slot.lower * Decimal("0.001"),
            maker=True,
            at=NOW - DAY + slot.index * 60_000,
        )
        for slot in bot.slots
    )


def sample_decision(bot: BotView, sequence: int, rule: Rule = Rule.PAIR_SLOT) -> Decision:
    """Return a full record: inputs with ages, an alternative, one approved and one refused order."""
    draft = _draft(bot.id, bot.spec, bot.slots[0], Side.SELL)
    return Decision(
        id=str(sequence),
        at=NOW - 5 * HOUR + sequence,
        bot=bot.id,
        rule=rule,
        event="OrderFilled",
        inputs=(
            Input("fill price", str(bot.slots[0].lower), 120),
            Input("last price", str(PRICES[bot.spec.symbol]), 800),
        ),
        alternatives=(Alternative("sell at the fill price", "the line above it pays the fees"),),
        approved=(draft,),
        refused=(
            Refused(
                draft=draft, code=RefusalCode.ABOVE_MAX_ORDER_NOTIONAL, facts={"limit": "1000", "notional": "1200"}
            ),
        ),
    )


def _slot(index: int, pair: tuple[Decimal, Decimal], quantity: Decimal, price: Decimal) -> SlotView:
    lower, upper = pair
    full = upper > price
    return SlotView(
        index=index,
        lower=lower,
        upper=upper,
        capacity=quantity,
        held=quantity if full else ZERO,
        buying=ZERO if full else quantity,
        selling=quantity if full else ZERO,
        cycles=1 if index == 3 else 0,
    )


def _slot_plan(index: int, lower: Decimal, upper: Decimal, quantity: Decimal, price: Decimal) -> SlotPlan:
    net = quantity * (upper * Decimal("0.999") - lower * Decimal("1.001"))
    return SlotPlan(
        index=index,
        lower=lower,
        upper=upper,
        quantity=quantity,
        full=upper > price,
        net_profit=net,
        net_percent=net / (quantity * lower) * HUNDRED if quantity else ZERO,
    )


def _draft(number: int, grid: GridSpec, slot: SlotView, side: Side) -> Draft:
    return Draft(
        client_id=client_id(OrderKey(number, 1, slot.index, side, 1)),
        bot=number,
        slot=slot.index,
        symbol=grid.symbol,
        mode=grid.mode,
        side=side,
        type=OrderType.LIMIT_MAKER,
        purpose=Purpose.GRID,
        price=slot.upper if side is Side.SELL else slot.lower,
        quantity=slot.capacity,
    )


def _order(number: int, grid: GridSpec, slot: SlotView, at: Millis) -> Order:
    side = Side.SELL if slot.held else Side.BUY
    return Order(draft=_draft(number, grid, slot, side), at=at, status=OrderStatus.OPEN, exchange_id=f"x{slot.index}")
