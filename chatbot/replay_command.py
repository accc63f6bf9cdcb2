"""`batuta replay`: candles from a file through the very same step as live trading."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from chatbot.charts.renderer import render
from commands.reply import FillMark, GridPicture, PnlSeries
from config.language import _
from data.candles import CandleColumns, read_candles
from data.database import Database
from data.events import OrderFilled
from data.grids import GridSpec, TriggerKind
from data.journal import Journal
from data.market import Candle
from data.values import ZERO, Mode, plain
from engine.exchanges.candle_market import ReplayMarket, market_of
from engine.replay import Replay, ReplayReport

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SHOWN = Decimal("0.00000001")


def replay_file(
    candles: Path, spec: GridSpec, given: ReplayMarket, *, chart: Path | None, journal: Path | None
) -> ReplayReport:
    """Replay a file, draw the chart if asked to, and return the report.

    The journal is a real file either way; without ``journal`` it is gone afterwards.
    Raises ``TableFileError``, ``ReplayRefused``, ``StorageError`` and ValueError for input that cannot be used.
    """
    columns = read_candles(candles)
    if not columns.at:
        raise ValueError(f"candles: {candles} has no bars")
    market = market_of(spec.symbol, columns, spec.investment, given)
    if market.perpetual:
        raise ValueError(f"symbol: {spec.symbol!r} is a perpetual; accepted: a spot pair such as BTC/USDT")
    spec = msgspec.structs.replace(spec, symbol=market.symbol)
    with tempfile.TemporaryDirectory(prefix="batuta-replay-") as folder:
        database = Database(journal or Path(folder) / "journal.sqlite")
        try:
            run = Replay(columns, spec, market, Journal(database))
            report = run.run()
            if chart is not None:
                _draw(run, columns, chart)
        finally:
            database.close()
    return report


def _draw(run: Replay, columns: CandleColumns, target: Path) -> None:
    """Write the equity chart to ``target``, and the price chart with lines and fills beside it as ``-grid``."""
    bot = run.bot
    first = columns.open[0]
    title = f"{bot.market.symbol} {_('grid')} {plain(bot.lines[0])}–{plain(bot.lines[-1])}"
    series = PnlSeries(
        title=title,
        mode=Mode.SHADOW,
        currency=bot.market.quote,
        at=tuple(columns.at),
        equity=tuple(run.equity),
        buy_and_hold=tuple(bot.books.invested * close / first for close in columns.close),
        hold_initial_mix=tuple(bot.books.hold_initial_mix(close) for close in columns.close),
        invested=bot.books.invested,
    )
    target.write_bytes(render(series))
    exits = {
        name: trigger.value if trigger and trigger.kind is TriggerKind.PRICE else None
        for name, trigger in (("take_profit", bot.spec.take_profit), ("stop_loss", bot.spec.stop_loss))
    }
    bars = _bars(columns, 200)
    picture = GridPicture(
        title=title,
        symbol=bot.market.symbol,
        mode=Mode.SHADOW,
        timeframe=_("whole file"),
        candles=bars,
        lines=bot.lines,
        fills=tuple(
            FillMark(entry.event.fill.at, entry.event.fill.side, entry.event.fill.price)
            for entry in run.journal.read()
            if isinstance(entry.event, OrderFilled)
        ),
        last=columns.close[-1],
        take_profit=exits["take_profit"],
        stop_loss=exits["stop_loss"],
    )
    target.with_stem(f"{target.stem}-grid").write_bytes(render(picture))


def _bars(columns: CandleColumns, most: int) -> tuple[Candle, ...]:
    """Return the whole file as at most ``most`` bars."""
    size = -(-len(columns.at) // most)
    return tuple(
        Candle(
            columns.at[start],
            columns.open[start],
            max(columns.high[start : start + size]),
            min(columns.low[start : start + size]),
            columns.close[min(start + size, len(columns.at)) - 1],
            ZERO,
        )
        for start in range(0, len(columns.at), size)
    )


def as_json(report: ReplayReport) -> str:
    """Return the report as one JSON object; money is exact where it can be, baselines are rounded to 8 digits."""
    rounded = {
        name: getattr(report, name).quantize(_SHOWN).normalize()
        for name in ("buy_and_hold", "hold_initial_mix", "max_drawdown")
    }
    plainly = {
        name: Decimal(plain(value))
        for name, value in msgspec.structs.asdict(report).items()
        if isinstance(value, Decimal) and name not in rounded
    }
    rounded = {name: Decimal(plain(value)) for name, value in rounded.items()}
    return _ENCODER.encode(msgspec.structs.replace(report, **plainly, **rounded)).decode()


def print_report(report: ReplayReport, quote: str, console: Console) -> None:
    """Print the report for people: never the grid profit alone."""
    table = Table(title=_("Replay"), show_header=False)
    rows = (
        (_("Bars"), f"{report.bars:,}"),
        (_("Fills"), f"{report.fills:,}"),
        (_("Total profit and loss"), _money(report.equity_change, quote)),
        (_("  grid profit (paired cycles)"), _money(report.grid_profit, quote)),
        (_("  unpaired (open slots, inventory)"), _money(report.unpaired_pnl, quote)),
        (_("  fees"), _money(-report.fees, quote)),
        (_("  identity error"), plain(report.identity_error)),
        (_("Buy and hold, for comparison"), _money(report.buy_and_hold, quote)),
        (_("Hold the initial mix, for comparison"), _money(report.hold_initial_mix, quote)),
        (_("Largest drawdown at bar closes"), f"{report.max_drawdown * 100:.2f} %"),
        (_("Bars per second, journal included"), f"{report.bars_per_second:,}"),
        (_("Journal sequence"), f"{report.journal_sequence:,}"),
    )
    for label, value in rows:
        table.add_row(label, value)
    console.print(table)


def _money(value: Decimal, quote: str) -> str:
    return f"{value:+,.2f} {quote}"
