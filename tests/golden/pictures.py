"""The pictures behind the stored charts; ``python -m tests.golden.pictures`` draws them anew."""

import math
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec

from chatbot.charts.renderer import Picture, render
from commands.reply import FillMark, GridPicture, PnlSeries
from data.market import Candle
from data.values import Millis, Mode, Side

STORED = Path(__file__).parent / "charts"
START: Millis = 1_717_200_000_000
HOUR = 3_600_000


def wave(n: int, size: float, seed: float = 0.0) -> float:
    """Return a reproducible wobble around 1."""
    return 1 + size * (math.sin(n / 17 + seed) + 0.4 * math.sin(n / 3.1 + seed) + 0.15 * math.sin(n * 1.7 + seed))


def rounded(value: float, digits: int) -> Decimal:
    """Return the value with so many decimals."""
    return Decimal(f"{value:.{digits}f}")


def series(
    count: int, *, start: float = 1000, trend: float = 0.0, digits: int = 2, mode: Mode = Mode.SHADOW
) -> PnlSeries:
    """Return ``count`` hours of equity that ends near ``start × (1 + trend)``."""

    def line(size: float, seed: float, share: float) -> tuple[Decimal, ...]:
        return tuple(
            rounded(start * wave(n, size, seed) * (1 + trend * share * n / count), digits) for n in range(count)
        )

    return PnlSeries(
        title="Bot 1 BTC/USDT",
        mode=mode,
        currency="USDT",
        at=tuple(START + n * HOUR for n in range(count)),
        equity=line(0.01, 0.0, 1.0),
        buy_and_hold=line(0.03, 0.5, 0.4),
        hold_initial_mix=line(0.02, 0.3, 0.6),
        invested=rounded(start, digits),
    )


def candles(count: int, price: float, digits: int, size: float = 0.02) -> tuple[Candle, ...]:
    """Return ``count`` hourly candles around ``price``."""
    closes = [price * wave(n, size) for n in range(count + 1)]
    reach = price * size / 8
    return tuple(
        Candle(
            START + n * HOUR,
            rounded(a, digits),
            rounded(max(a, b) + reach, digits),
            rounded(min(a, b) - reach, digits),
            rounded(b, digits),
            Decimal(1),
        )
        for n, (a, b) in enumerate(pairwise(closes))
    )


def grid(
    bars: tuple[Candle, ...],
    *,
    levels: int = 12,
    take_profit: Decimal | None = None,
    stop_loss: Decimal | None = None,
    mode: Mode = Mode.TESTNET,
    symbol: str = "BTC/USDT",
) -> GridPicture:
    """Return a grid over the range of ``bars`` that filled wherever a candle closed across a line."""
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    lines = tuple(low + (high - low) * n / (levels - 1) for n in range(levels))
    fills = [
        FillMark(after.opened_at, Side.BUY if after.close < before.close else Side.SELL, line)
        for before, after in pairwise(bars)
        for line in lines
        if min(before.close, after.close) < line <= max(before.close, after.close)
    ]
    return GridPicture(
        title=f"Bot 1 {symbol}",
        symbol=symbol,
        mode=mode,
        timeframe="1h",
        candles=bars,
        lines=lines,
        fills=tuple(fills),
        take_profit=take_profit,
        stop_loss=stop_loss,
    )


def proposal(bars: tuple[Candle, ...], *, levels: int = 17, reach: str = "0.09") -> GridPicture:
    """Return the grid of a proposed market, as far as ``reach`` to either side of the last price."""
    bars = tuple(msgspec.structs.replace(bar, opened_at=START + 4 * HOUR * n) for n, bar in enumerate(bars))
    last = bars[-1].close
    lower, upper = last * (1 - Decimal(reach)), last * (1 + Decimal(reach))
    lines = tuple(round(lower * (upper / lower) ** (Decimal(n) / (levels - 1)), 2) for n in range(levels))
    return GridPicture(
        title="Proposed grid",
        symbol="SOL/USDT",
        mode=Mode.SHADOW,
        timeframe="4h",
        candles=bars,
        lines=lines,
        last=last,
        proposed=True,
    )


GOLDEN: dict[str, Picture] = {
    "pnl_gain": series(720, trend=0.08),
    "pnl_loss_production": series(60, start=250_000, trend=-0.2, mode=Mode.PRODUCTION),
    "grid_exits": grid(candles(90, 68_000, 2), take_profit=Decimal(71_000), stop_loss=Decimal(65_500)),
    "grid_tiny_prices": grid(candles(200, 0.00001234, 8, 0.1), take_profit=Decimal("0.00009"), symbol="SHIB/USDT"),
    "grid_proposed": proposal(candles(120, 182, 2, 0.03)),
}


if __name__ == "__main__":
    STORED.mkdir(exist_ok=True)
    for name, picture in GOLDEN.items():
        (STORED / f"{name}.png").write_bytes(render(picture))
