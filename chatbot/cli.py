"""The command line: demo, run, replay, doctor. Each imports what it needs when it is called."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from config.language import _
from data.grids import Direction, GridSpec, MarginMode, OutOfRange, Spacing, Trigger
from data.values import plain

cli = typer.Typer(
    name="batuta",
    help="A trading engine you conduct from the phone.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)

FAILED = 2
"""Exit code for input that cannot be used."""


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise typer.BadParameter(f"{text!r} is not a number such as 1000 or 0.001")
    return number


def _trigger(text: str) -> Trigger:
    from commands.parse import parse_trigger

    trigger = parse_trigger(text)
    if trigger is None:
        raise typer.BadParameter(f"{text!r} is neither a price such as 25000 nor a percentage such as 10%")
    return trigger


_FEE = "Fee of each fill (default: 0.001, which is 0.1 %; on a perpetual 0.0002 for makers, 0.0005 for takers)."

Home = Annotated[Path | None, typer.Option(envvar="BATUTA_HOME", help="Where run-time files live (~/.batuta).")]


@cli.command()
def demo(
    seed: Annotated[int, typer.Option(help="Seed of the invented market.")] = 7,
    speed: Annotated[float | None, typer.Option(help="Simulated seconds per real one.", min=1, max=3600)] = None,
    minutes: Annotated[float, typer.Option(help="Longest real time the built-in conversation may take.", min=0.1)] = 2,
    home: Home = None,
) -> None:
    """Try Batuta on an invented market, with the console as the chat. Needs no keys and no network."""
    from chatbot.demo import run_demo

    raise typer.Exit(asyncio.run(run_demo(seed=seed, speed=speed, minutes=minutes, home=home)))


@cli.command()
def run(
    mode: Annotated[str | None, typer.Option(help="shadow, testnet or production; overrides the settings.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file.", exists=True, dir_okay=False)] = None,
    debug: Annotated[bool, typer.Option(help="Write debug messages to the log.")] = False,
    take_over: Annotated[bool, typer.Option(help="Ask another engine on the same account to end, and wait.")] = False,
    home: Home = None,
) -> None:
    """Run the engine until it is told to stop."""
    # Nothing is open yet. Without this the first process of a container would not hear that it should end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Starting makes much and frees little: looking for garbage as often as usual would take a seventh of it.
    gc.set_threshold(10_000)
    from chatbot.serve import Wish, serve

    raise typer.Exit(asyncio.run(serve(Wish(mode, config, debug, home, take_over))))


@cli.command()
def doctor(
    config: Annotated[Path | None, typer.Option(help="Settings file.", exists=True, dir_okay=False)] = None,
    health: Annotated[bool, typer.Option(help="Only say whether a running engine is alive (for containers).")] = False,
    home: Home = None,
) -> None:
    """Say what is configured, what is reachable, how far the clock is off, and where packages were loaded from."""
    from chatbot.doctor import examine, healthy

    raise typer.Exit(healthy(home) if health else asyncio.run(examine(config=config, home=home)))


@cli.command()
def replay(
    candles: Annotated[Path, typer.Option(help="Parquet or CSV file: timestamp, open, high, low, close, volume.")],
    symbol: Annotated[str, typer.Option(help="BTC/USDT, or BTC/USDT:USDT for a perpetual: what the candles are of.")],
    lower: Annotated[Any, typer.Option(parser=_number, metavar="PRICE", help="Lowest line.")],
    upper: Annotated[Any, typer.Option(parser=_number, metavar="PRICE", help="Highest line.")],
    levels: Annotated[int, typer.Option(help="Number of price lines; the grid has one slot less.")],
    quote: Annotated[Any, typer.Option(parser=_number, metavar="AMOUNT", help="Investment, in the quote currency.")],
    spacing: Annotated[Spacing, typer.Option(help="How the lines are laid.")] = Spacing.GEOMETRIC,
    fee: Annotated[Any, typer.Option(parser=_number, metavar="RATE", help=_FEE)] = None,
    direction: Annotated[Direction, typer.Option(help="On a perpetual: side the grid profits from.")] = Direction.LONG,
    leverage: Annotated[int, typer.Option(help="On a perpetual: times the investment at work.")] = 1,
    margin: Annotated[
        MarginMode, typer.Option(help="On a perpetual: which money answers for the position.")
    ] = MarginMode.CROSS,
    funding: Annotated[
        Path | None, typer.Option(help="Parquet or CSV file of a perpetual: timestamp, funding_rate.")
    ] = None,
    tp: Annotated[Any, typer.Option(parser=_trigger, metavar="LEVEL", help="Take profit: a price, or 10%.")] = None,
    sl: Annotated[Any, typer.Option(parser=_trigger, metavar="LEVEL", help="Stop loss: a price, or 10%.")] = None,
    out_of_range: Annotated[OutOfRange, typer.Option(help="What to do outside the range.")] = OutOfRange.HOLD,
    recentre: Annotated[bool, typer.Option("--recentre", help="The same as --out-of-range recentre.")] = False,
    trigger: Annotated[
        Any, typer.Option(parser=_number, metavar="PRICE", help="Start once this price is touched.")
    ] = None,
    trail_up: Annotated[
        Any, typer.Option(parser=_number, metavar="PRICE", help="Highest price the top line may follow to.")
    ] = None,
    trail_down: Annotated[
        Any, typer.Option(parser=_number, metavar="PRICE", help="Lowest price the bottom line may follow to.")
    ] = None,
    infinity: Annotated[bool, typer.Option("--infinity", help="Lay further lines as price rises.")] = False,
    reinvest: Annotated[bool, typer.Option("--reinvest", help="Let orders grow by the profit.")] = False,
    tick: Annotated[
        Any, typer.Option(parser=_number, metavar="PRICE", help="Price step (default: finest seen).")
    ] = None,
    step: Annotated[
        Any, typer.Option(parser=_number, metavar="BASE", help="Quantity step (default: by worth).")
    ] = None,
    min_notional: Annotated[Any, typer.Option(parser=_number, metavar="QUOTE", help="Smallest order.")] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Write the equity chart here, and a price chart beside it.")
    ] = None,
    journal: Annotated[Path | None, typer.Option(help="Keep the journal in this new file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Trade candles from a file through the very same step as live trading, and report."""
    from chatbot import replay_command as command
    from data.database import StorageError
    from data.tables import TableFileError
    from engine.exchanges.candle_market import ReplayMarket
    from engine.replay import ReplayRefused

    if fee is not None and not 0 <= fee < 1:
        _refuse(f"fee: {plain(fee)} is not a rate; accepted: a number from 0 to below 1, such as 0.001")
    if journal is not None and journal.exists():
        _refuse(f"journal: {journal} exists; accepted: the name of a new file")
    if recentre and out_of_range not in (OutOfRange.HOLD, OutOfRange.RECENTRE):
        _refuse(f"recentre: yes, and out_of_range {out_of_range}; accepted: one of them")
    spec = GridSpec(
        symbol=symbol,
        lower=lower,
        upper=upper,
        levels=levels,
        spacing=spacing,
        investment=quote,
        take_profit=tp,
        stop_loss=sl,
        out_of_range=OutOfRange.RECENTRE if recentre else out_of_range,
        direction=direction,
        leverage=leverage,
        margin=margin,
        trigger_price=trigger,
        trail_up=trail_up,
        trail_down=trail_down,
        infinity=infinity,
        reinvest=reinvest,
    )
    given = ReplayMarket(fee=fee, tick=tick, step=step, min_notional=min_notional)
    try:
        report = command.replay_file(candles, spec, given, chart=chart, journal=journal, funding=funding)
    except (TableFileError, ReplayRefused, StorageError, ValueError, OSError) as error:
        _refuse(str(error))
    if json:
        sys.stdout.write(command.as_json(report) + "\n")
    else:
        command.print_report(report, symbol, Console())


def _refuse(problem: str) -> NoReturn:
    Console(stderr=True).print(Text.assemble((_("Nothing was done."), "bold red"), f" {problem}"), soft_wrap=True)
    raise typer.Exit(FAILED)
