"""`batuta replay`: candles from a file through the very same step as live trading."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
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
from data.funding import FundingColumns, read_funding
from data.grids import GridSpec, MarginMode, TriggerKind
from data.journal import Journal
from data.market import Candle, Market
from data.values import ZERO, Mode, plain
from engine.exchanges.candle_market import ReplayMarket, market_of
from engine.replay import Replay, ReplayReport
from engine.replay_perpetual import PerpetualReplay

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SHOWN = Decimal("0.00000001")


def replay_file(
    candles: Path,
    spec: GridSpec,
    given: ReplayMarket,
    *,
    chart: Path | None,
    journal: Path | None,
    funding: Path | None = None,
) -> ReplayReport:
    """Replay a file, draw the chart if asked to, and return the report.

    The journal is a real file either way; without ``journal`` it is gone afterwards. Without ``funding``, a file of
    rates, a perpetual pays none.
    Raises ``TableFileError``, ``ReplayRefused``, ``StorageError`` and ValueError for input that cannot be used.
    """
    columns = read_candles(candles)
    if not columns.at:
        raise ValueError(f"candles: {candles} has no bars")
    market = market_of(spec.symbol, columns, spec.investment, given)
    rates = _rates(funding, columns, spec, market)
    spec = msgspec.structs.replace(spec, symbol=market.symbol)
    with tempfile.TemporaryDirectory(prefix="batuta-replay-") as folder:
        database = Database(journal or Path(folder) / "journal.sqlite")
        try:
            books = Journal(database)
            run = (
                PerpetualReplay(columns, spec, market, books, rates)
                if market.perpetual
                else Replay(columns, spec, market, books)
            )
            report = run.run()
            if chart is not None:
                _draw(run, columns, chart)
        finally:
            database.close()
    return report


def _rates(funding: Path | None, columns: CandleColumns, spec: GridSpec, market: Market) -> FundingColumns:
    """Return the rates to be settled. Raises ValueError when they, or a margin mode, are of another market."""
    perpetual = f"a perpetual such as {market.symbol}:{market.quote}"
    if not market.perpetual and spec.margin is not MarginMode.CROSS:
        raise ValueError(f"margin: {spec.margin} is known to no spot market; accepted: {perpetual}")
    if funding is None:
        return FundingColumns()
    if not market.perpetual:
        raise ValueError(f"funding: {funding} is of no use to a spot market; accepted: {perpetual}")
    rates = read_funding(funding)
    first, last = columns.at[0], columns.at[-1]
    if not any(first < at < last for at in rates.at):
        raise ValueError(f"funding: {funding} has no rate of the candles' time; accepted: one from {first} to {last}")
    return rates


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


def print_report(report: ReplayReport, symbol: str, console: Console) -> None:
    """Print the report for people: never the grid profit alone."""
    pair, _colon, settled = symbol.upper().partition(":")
    quote = pair.partition("/")[2]
    table = Table(title=_("Replay"), show_header=False)
    for label, value in [*_figures(report, quote, perpetual=bool(settled)), *_circumstances(report, quote)]:
        table.add_row(label, value)
    console.print(table)


def _figures(report: ReplayReport, quote: str, *, perpetual: bool) -> Iterator[tuple[str, str]]:
    if perpetual:
        yield (
            _("Direction"),
            _("{direction}, leverage {leverage}").format(direction=report.direction.value, leverage=report.leverage),
        )
    yield _("Bars"), f"{report.bars:,}"
    yield _("Fills"), f"{report.fills:,}"
    yield _("Total profit and loss"), _money(report.equity_change, quote)
    yield _("  grid profit (paired cycles)"), _money(report.grid_profit, quote)
    yield _("  unpaired (open slots, inventory)"), _money(report.unpaired_pnl, quote)
    yield _("  fees"), _money(-report.fees, quote)
    if perpetual:
        yield _("  funding"), _money(report.funding, quote)
    if report.liquidations:
        yield _("  liquidation, beyond its price"), _money(-report.liquidation_cost, quote)
    yield _("  identity error"), plain(report.identity_error)
    if perpetual:
        yield _("Liquidations"), f"{report.liquidations:,}"


def _circumstances(report: ReplayReport, quote: str) -> Iterator[tuple[str, str]]:
    yield _("Buy and hold, for comparison"), _money(report.buy_and_hold, quote)
    yield _("Hold the initial mix, for comparison"), _money(report.hold_initial_mix, quote)
    yield _("Largest drawdown at bar closes"), f"{report.max_drawdown * 100:.2f} %"
    yield _("Bars per second, journal included"), f"{report.bars_per_second:,}"
    yield _("Journal sequence"), f"{report.journal_sequence:,}"


def _money(value: Decimal, quote: str) -> str:
    return f"{value:+,.2f} {quote}"
