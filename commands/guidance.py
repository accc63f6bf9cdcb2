"""The questions that lead to a grid, each answered with one tap: which market, range, number of lines, investment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from commands import moves
from commands.cards import line_button, problem_failure
from commands.context import Context
from commands.format import amount, percent, price, share
from commands.matching import find_markets
from commands.ranges import GridRange, propose_ranges
from commands.reply import Button, Card, Failure, Field, Reply
from config.language import _, ngettext
from data.grids import Direction, GridSpec, MarginMode, OutOfRange, Spacing
from data.market import Market
from data.values import HUNDRED, ONE, ZERO, Mode, floor_to, plain
from engine.grid.plan import GridPlan

OFFERED_MARKETS = 6
SHARES = (10, 25, 50, 100)
"""Percent of what is free, offered as investments."""
LINES = (5, 10, 20, 40)
"""Numbers of lines that are offered."""
_DIRECTIONS = {"BOTH": Direction.NEUTRAL, "LONG": Direction.LONG, "SHORT": Direction.SHORT}


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What a line means that says nothing of mode, direction, leverage and margin."""

    mode: Mode = Mode.SHADOW
    direction: Direction = Direction.LONG
    leverage: int = 1
    margin: MarginMode = MarginMode.CROSS


def usual(ctx: Context, market: Market) -> Usual:
    """Return what the settings and the engine's state make of a line that says nothing of it."""
    mode = ctx.desk.engine().new_bots
    if not market.perpetual:
        return Usual(mode=mode)
    grid, futures = ctx.settings.grid, ctx.settings.grid.futures
    return Usual(
        mode=mode,
        direction=_DIRECTIONS[futures.position_side],
        # The setting of futures grids alone counts before that of all grids, where somebody wrote it.
        leverage=futures.leverage if "leverage" in futures.model_fields_set else grid.leverage,
        margin=MarginMode.ISOLATED if futures.use_isolated_margin else MarginMode.CROSS,
    )


def grid_line(spec: GridSpec, said: Usual | None = None, *, investment: bool = True) -> str:
    """Return the shortest line that asks for ``spec``, without its investment if so wanted; ``said`` goes unsaid."""
    said = said or Usual()
    words = ["/grid", spec.symbol, plain(spec.lower), plain(spec.upper), str(spec.levels)]
    if investment:
        words.append(plain(spec.investment))
    if spec.spacing is not Spacing.GEOMETRIC:
        words.append(f"spacing={spec.spacing}")
    if spec.take_profit is not None:
        words.append(f"tp={spec.take_profit}")
    if spec.stop_loss is not None:
        words.append(f"sl={spec.stop_loss}")
    if spec.out_of_range is not OutOfRange.HOLD:
        words.append(f"out_of_range={spec.out_of_range}")
    words += moves.options(spec)
    names = ("mode", "direction", "leverage", "margin")
    words += [f"{name}={getattr(spec, name)}" for name in names if getattr(spec, name) != getattr(said, name)]
    return " ".join(words)


async def ask_market(ctx: Context) -> Card:
    """Ask which market, offering the configured favourites the exchange lists."""
    liked = favourites(ctx, await ctx.desk.markets())[:OFFERED_MARKETS]
    tickers = await asyncio.gather(*(ctx.desk.ticker(each.symbol) for each in liked))
    fields = [
        Field(each.symbol, f"{price(ticker.last, each.filters.price_tick)} {each.quote}")
        for each, ticker in zip(liked, tickers, strict=True)
    ]
    buttons = [Button(each.symbol, f"/grid {each.symbol}") for each in liked]
    return Card(
        title=_("Which market shall the grid trade?"),
        fields=tuple(fields),
        mode=ctx.desk.engine().mode,
        note=_("Tap one, or type /grid and a market. /markets finds others."),
        buttons=(*buttons, Button(_("More markets"), "/markets")),
    )


async def which_market(ctx: Context, command: str) -> Card:
    """Ask which market a command is about, offering the favourites."""
    liked = favourites(ctx, await ctx.desk.markets())[:OFFERED_MARKETS]
    return Card(
        title=_("Which market?"),
        fields=(),
        note=_("Or type /{command} and a market; /markets finds others.").format(command=command),
        buttons=tuple(Button(each.symbol, f"/{command} {each.symbol}") for each in liked),
    )


def favourites(ctx: Context, markets: Sequence[Market]) -> list[Market]:
    """Return the configured favourites among ``markets``; the first few of all when none is listed."""
    found: list[Market] = []
    for name in ctx.settings.pair_selection.spot_pairs.preferred_symbols:
        matches = [each for each in markets if each.symbol.replace("/", "").upper() == name.replace("/", "").upper()]
        found += [each for each in matches if each not in found]
    return found or find_markets(markets, ctx.settings.exchange.quote)[:OFFERED_MARKETS]


async def ask_range(ctx: Context, market: Market) -> Card:
    """Offer three ranges out of what the market did lately."""
    ticker = await ctx.desk.ticker(market.symbol)
    step = ctx.settings.grid.initial_spacing_perc
    ranges = await propose_ranges(ctx.desk, market, ticker.last, step)
    last = price(ticker.last, market.filters.price_tick)
    return Card(
        title=_("{symbol} at {price}: which range?").format(symbol=market.symbol, price=last),
        fields=tuple(Field(each.label, _range_words(each)) for each in ranges),
        mode=ctx.desk.engine().mode,
        note=_("Or type your own: /grid {symbol} lower upper lines investment").format(symbol=market.symbol),
        buttons=tuple(button for each in ranges for button in _range_button(market, each)),
    )


def ask_levels(ctx: Context, spec: GridSpec, market: Market) -> Card:
    """Offer a few numbers of lines, the configured one among them; ``spec.levels`` is not looked at."""
    width = spec.upper / spec.lower - ONE
    least = market.fees.maker * 4
    fields: list[Field] = []
    buttons: list[Button] = []
    for levels in sorted({*LINES, ctx.settings.grid.initial_levels}):
        step = width / (levels - 1)
        if step < least and levels > LINES[0]:
            continue
        label = ngettext("{count} line", "{count} lines", levels).format(count=levels)
        fields.append(Field(label, _("a step of about {percent}").format(percent=percent(step * HUNDRED))))
        wanted = msgspec.structs.replace(spec, levels=levels)
        buttons += line_button(label, grid_line(wanted, usual(ctx, market), investment=False))
    return Card(
        title=_("{symbol}: how many lines?").format(symbol=spec.symbol),
        fields=tuple(fields),
        mode=spec.mode,
        note=_("Both fees of a cycle take about {percent}.").format(percent=percent(market.fees.maker * 2 * HUNDRED)),
        buttons=tuple(buttons),
    )


async def ask_investment(ctx: Context, spec: GridSpec, market: Market) -> Reply | tuple[Reply, ...]:
    """Offer shares of what is free, as far as each can start this grid; ``spec.investment`` is not looked at."""
    assets = await ctx.desk.assets()
    mine = [each for each in assets if (each.mode, each.wallet, each.asset) == (spec.mode, market.kind, market.quote)]
    free = sum((each.free for each in mine), ZERO)
    amounts = sorted({_usual(ctx, free), *(_two_digits(free * part / HUNDRED) for part in SHARES)} - {ZERO})
    plans = [await ctx.desk.plan(msgspec.structs.replace(spec, investment=each)) for each in amounts]
    if not plans:
        return Failure(
            problem=_("There is no free {quote} to invest.").format(quote=market.quote),
            field="investment",
            value="0",
            accepted=_("see /balance"),
            buttons=(Button(_("Balance"), "/balance"),),
        )
    able = [each for each in plans if not each.problems]
    if not able:
        return problem_replies(ctx, _whatever_is_invested(plans))
    said = usual(ctx, market)
    fields = [Field(_("Free"), amount(free, market.quote))]
    fields += [Field(amount(each.spec.investment, market.quote), _per_cycle(each, free)) for each in able]
    labels = [(amount(each.spec.investment, market.quote), each.spec) for each in able]
    return Card(
        title=_("{symbol}: how much shall it invest?").format(symbol=spec.symbol),
        fields=tuple(fields),
        mode=spec.mode,
        note=_("Tap one, or type it: {line} AMOUNT").format(line=grid_line(spec, said, investment=False)),
        buttons=tuple(button for label, wanted in labels for button in line_button(label, grid_line(wanted, said))),
    )


def _whatever_is_invested(plans: Sequence[GridPlan]) -> GridPlan:
    """Return the plan of the largest investment; where one problem stands against all of them, with such ones alone."""
    common = [each for each in plans[-1].problems if all(each in plan.problems for plan in plans)]
    return msgspec.structs.replace(plans[-1], problems=tuple(common)) if common else plans[-1]


def problem_replies(ctx: Context, plan: GridPlan) -> tuple[Reply, ...]:
    """Return one failure per problem; the last one carries buttons that would cure what can be cured."""
    replies = [problem_failure(each) for each in plan.problems]
    spec, quote, said = plan.spec, plan.market.quote, usual(ctx, plan.market)
    buttons: list[Button] = []
    if plan.largest_levels is not None and plan.largest_levels >= 2:
        fewer = msgspec.structs.replace(spec, levels=plan.largest_levels)
        label = ngettext("{count} line", "{count} lines", plan.largest_levels).format(count=plan.largest_levels)
        buttons += line_button(label, grid_line(fewer, said))
    if plan.smallest_investment is not None:
        more = msgspec.structs.replace(spec, investment=plan.smallest_investment)
        buttons += line_button(amount(plan.smallest_investment, quote), grid_line(more, said))
    for leverage in sorted(set(plan.leverages or ())):
        wanted = msgspec.structs.replace(spec, leverage=leverage)
        buttons += line_button(_("Leverage {leverage}").format(leverage=leverage), grid_line(wanted, said))
    if any(each.field == "mode" for each in plan.problems):
        buttons.append(Button(_("Mode"), "/mode"))
    if buttons:
        replies[-1] = msgspec.structs.replace(replies[-1], buttons=tuple(buttons))
    return tuple(replies)


def _range_words(proposed: GridRange) -> str:
    lines = ngettext("{count} line", "{count} lines", proposed.levels).format(count=proposed.levels)
    return _("{lower} – {upper} ({width} wide), {lines}: {source}").format(
        lower=plain(proposed.lower),
        upper=plain(proposed.upper),
        width=percent(proposed.width),
        lines=lines,
        source=proposed.source,
    )


def _range_button(market: Market, proposed: GridRange) -> tuple[Button, ...]:
    line = f"/grid {market.symbol} {plain(proposed.lower)} {plain(proposed.upper)} {proposed.levels}"
    return line_button(f"{proposed.label} {plain(proposed.lower)}–{plain(proposed.upper)}", line)


def _usual(ctx: Context, free: Decimal) -> Decimal:
    """Return the configured investment, or zero where it is not there or could not pay for a single order."""
    wanted, least = ctx.settings.trading.capital_per_pair_usd, ctx.settings.grid.spot.min_order_size_usd
    return wanted if least <= wanted <= free else ZERO


def _per_cycle(plan: GridPlan, free: Decimal) -> str:
    part = share(plan.spec.investment, free)
    least = min(slot.net_profit for slot in plan.slots)
    return _("{share} of it; each cycle nets at least {net}").format(share=part, net=amount(least, plan.market.quote))


def _two_digits(value: Decimal) -> Decimal:
    if value <= ZERO:
        return ZERO
    return floor_to(value, ONE.scaleb(value.adjusted() - 1))
