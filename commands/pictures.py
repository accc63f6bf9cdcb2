"""What charts are drawn from: equity against its two benchmarks, and candles with a bot's lines and fills."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

import msgspec

from commands.reply import FillMark, GridPicture, PnlSeries
from data.grids import Direction, Trigger, TriggerKind
from data.market import Candle
from data.orders import Fill
from data.values import ZERO, Millis, Mode
from engine.desk import Desk
from engine.views import BotView, Profit

MAX_POINTS = 400
"""More than a phone's screen can show."""


class _Sample(msgspec.Struct, frozen=True):
    at: Millis
    equity: Decimal
    buy_and_hold: Decimal
    hold_initial_mix: Decimal


def pnl_series(desk: Desk, bots: Sequence[BotView], since: Millis, now: Millis, title: str) -> PnlSeries:
    """Return the equity of ``bots`` together since ``since``; all of them in one mode and quote, with books.

    Raises ValueError when there is no bot with books.
    """
    tracks = [_track(desk, bot, bot.profit, since, now) for bot in bots if bot.profit is not None]
    if not tracks:
        raise ValueError("bots: none has books")
    samples = _thin(_together(tracks))
    return PnlSeries(
        title=title,
        mode=common_mode(bots),
        currency=bots[0].market.quote,
        at=tuple(each.at for each in samples),
        equity=tuple(each.equity for each in samples),
        buy_and_hold=tuple(each.buy_and_hold for each in samples),
        hold_initial_mix=tuple(each.hold_initial_mix for each in samples),
        invested=sum((bot.profit.invested for bot in bots if bot.profit is not None), ZERO),
    )


def common_mode(bots: Sequence[BotView]) -> Mode:
    """Return the mode of the bots; the most serious one when they differ."""
    modes = {bot.spec.mode for bot in bots}
    return next(mode for mode in (Mode.PRODUCTION, Mode.TESTNET, Mode.SHADOW) if mode in modes)


def grid_picture(
    symbol: str, timeframe: str, candles: Sequence[Candle], last: Decimal, bot: BotView | None, fills: Sequence[Fill],
    mode: Mode,
) -> GridPicture:  # fmt: skip
    """Return candles with the lines, exits and fills of ``bot``, as far as they fall into the picture."""
    first = candles[0].opened_at if candles else 0
    marks = tuple(FillMark(fill.at, fill.side, fill.price) for fill in reversed(fills) if fill.at >= first)
    return GridPicture(
        title=f"{symbol} {timeframe}",
        symbol=symbol,
        mode=mode if bot is None else bot.spec.mode,
        timeframe=timeframe,
        candles=tuple(candles),
        lines=() if bot is None else bot.lines,
        fills=() if bot is None else marks,
        take_profit=None if bot is None else _price_of(bot.spec.take_profit),
        stop_loss=None if bot is None else _price_of(bot.spec.stop_loss),
        last=last,
    )


def _price_of(trigger: Trigger | None) -> Decimal | None:
    return trigger.value if trigger is not None and trigger.kind is TriggerKind.PRICE else None


def _track(desk: Desk, bot: BotView, books: Profit, since: Millis, now: Millis) -> list[_Sample]:
    """Benchmarks are carried back from the engine's figures of this moment, so that chart and caption agree."""
    initial = _initial(bot)
    mark = books.mark or bot.start_price

    def sample(at: Millis, equity: Decimal, price: Decimal) -> _Sample:
        return _Sample(at, equity, books.buy_and_hold * price / mark, books.hold_initial_mix + initial * (price - mark))

    end = now if bot.stopped_at is None else bot.stopped_at
    points = [each for each in desk.equity(bot.id, since) if each.at < end]
    track = [sample(each.at, each.equity, each.price) for each in points]
    if bot.started_at >= since and (not track or track[0].at > bot.started_at):
        track.insert(0, sample(bot.started_at, books.invested, bot.start_price))
    if not track:
        track.append(_Sample(max(since, bot.started_at), books.equity, books.buy_and_hold, books.hold_initial_mix))
    return [*track, _Sample(max(end, track[-1].at), books.equity, books.buy_and_hold, books.hold_initial_mix)]


def _initial(bot: BotView) -> Decimal:
    """Return the base that a bot began with, below zero where it began by selling."""
    above = sum((slot.capacity for slot in bot.slots if slot.upper > bot.start_price), ZERO)
    match bot.spec.direction:
        case Direction.LONG:
            return above
        case Direction.NEUTRAL:
            return ZERO
        case Direction.SHORT:
            return above - sum((slot.capacity for slot in bot.slots), ZERO)
        case _:
            assert_never(bot.spec.direction)


def _together(tracks: Sequence[list[_Sample]]) -> list[_Sample]:
    """Before its first sample a bot counts with what it started with, so that starting one is no profit."""
    if len(tracks) == 1:
        return tracks[0]
    current = [track[0] for track in tracks]
    positions = [0] * len(tracks)
    summed = []
    for at in sorted({each.at for track in tracks for each in track}):
        for index, track in enumerate(tracks):
            while positions[index] < len(track) and track[positions[index]].at <= at:
                current[index] = track[positions[index]]
                positions[index] += 1
        summed.append(
            _Sample(
                at,
                sum((each.equity for each in current), ZERO),
                sum((each.buy_and_hold for each in current), ZERO),
                sum((each.hold_initial_mix for each in current), ZERO),
            )
        )
    return summed


def _thin(samples: list[_Sample]) -> list[_Sample]:
    if len(samples) <= MAX_POINTS:
        return samples
    step = -(-len(samples) // (MAX_POINTS - 1))
    return [*samples[:-1:step], samples[-1]]
