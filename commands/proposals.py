"""A market that suits a grid, as it is offered: the grid, why, a picture, and buttons to the ordinary plan."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec

from commands.message import Lane, Notice, Preview, about, bot_named, notice_of, plan_fields, why_button
from commands.reply import Button, Card, Chart, Field, GridPicture
from commands.sayings.recogniser import said
from config.language import _
from data.decisions import Decision
from data.events import StartBot
from data.grids import GridSpec
from data.market import Candle
from data.values import Mode
from engine.desk import Desk
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, NotPossible
from engine.grid.levels import lay_lines
from engine.selection.proposals import GRID, SELECTOR, Proposal, proposal_of

LONGEST = 60
"""Bytes of a button's line."""
_SAID = {*GRID, "score", "reason"}
REASONS = 10
"""Figures shown; the others are in the explanation."""
TIMEFRAMES = ("4h", "1h")
"""Length of the candles of a picture; the second where there are none of the first, as in a recording."""
BARS = 120
PATIENCE_SECONDS = 15.0
"""How long a message waits for the candles of its picture."""


def proposed(decision: Decision, desk: Desk) -> Notice:
    """Return the message that offers what was proposed; its picture is drawn when it is delivered."""
    found, mode = proposal_of(decision), desk.engine().new_bots
    notice = notice_of(
        f"proposed:{decision.id}", Lane.DIGEST, decision.at, card(decision, why_button(decision), mode), mode=mode,
        silent=True,
    )  # fmt: skip
    return notice if found is None else msgspec.structs.replace(notice, preview=preview_of(found, mode))


def opened(decision: Decision, event: StartBot, desk: Desk) -> Notice | None:
    """Return the message that a bot was started unasked, with the way to stop it; None for any other start."""
    if event.by != SELECTOR:
        return None
    view, proposal = desk.bot(decision.bot), event.plan.removeprefix(f"{SELECTOR}-")
    title = _("Bot {bot} was started unasked, as you allowed").format(bot=bot_named(decision.bot, view))
    fields = [*plan_fields(view), Field(_("Proposal"), proposal)]
    notice = about(decision, view, Lane.TRADE, title, *fields)
    buttons = (
        Button(_("Stop it"), f"/stop {decision.bot}", danger=True),
        Button(_("Show it"), f"/bots {decision.bot}"),
        Button(_("Why this market?"), f"/why {proposal}"),
        Button(_("Proposals"), "/pairs"),
    )
    return msgspec.structs.replace(notice, card=msgspec.structs.replace(notice.card, buttons=buttons))


def card(decision: Decision, why: tuple[Button, ...], mode: Mode) -> Card:
    """Return the offer, with ``why`` as its last buttons. Nothing starts by it: the grid's button asks for a plan."""
    known = {each.name: each.value for each in reversed(decision.inputs)}
    fields = [Field(_("Why"), said(known["reason"]))] if "reason" in known else []
    if all(name in known for name in GRID):
        quote = known["market"].partition(":")[0].partition("/")[2]
        fields += [
            Field(_("Range"), f"{known['lower']} – {known['upper']}"),
            Field(_("Lines"), known["levels"]),
            Field(_("Investment"), f"{known['investment']} {quote}"),
        ]
    if "score" in known:
        fields.append(Field(_("Score"), _("{score} of 1").format(score=known["score"])))
    figures = [each for each in decision.inputs if each.name not in _SAID]
    fields += [Field(said(each.name).capitalize(), said(each.value)) for each in figures[:REASONS]]
    return Card(
        title=_("{symbol} suits a grid").format(symbol=known.get("market", "?")),
        fields=tuple(fields),
        mode=mode,
        note=_("Nothing was started. The future may differ from what was seen, and often does."),
        buttons=(*_buttons(known), *why),
    )


def plan_line(known: dict[str, str]) -> str:
    """Return the command that leads to the plan of a grid; what does not fit into a button is asked for after a tap."""
    words = [known[name] for name in GRID]
    lines = (" ".join(["/grid", *words[:count]]) for count in (len(words), len(words) - 1, 1))
    return next((line for line in lines if len(line.encode()) <= LONGEST), "/grid")


def _buttons(known: dict[str, str]) -> tuple[Button, ...]:
    if not all(name in known for name in GRID):
        return ()
    return (
        Button(_("See the plan"), plan_line(known)),
        Button(_("Validate"), f"/validate {known['market']}"),
        Button(_("Chart"), f"/chart {known['market']} 4h"),
    )


def preview_of(found: Proposal, mode: Mode) -> Preview:
    """Return what there is to draw of a proposal."""
    return Preview(symbol=found.symbol, lower=found.lower, upper=found.upper, levels=found.levels, mode=mode)


async def illustrated(desk: Desk, card: Card, preview: Preview) -> Chart | Card:
    """Return ``card`` below a picture of the grid on the candles of now, or alone with a word on why there is none."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return Chart(caption=card, picture=await _picture(desk, preview))
    except TimeoutError:
        why = _("the exchange did not answer in time")
    except (ExchangeUnavailable, MarketUnknown, NotPossible, LookupError) as error:
        why = said(str(error))
    return msgspec.structs.replace(card, note=f"{card.note}\n" + _("There is no picture: {why}.").format(why=why))


async def _picture(desk: Desk, preview: Preview) -> GridPicture:
    market = await desk.market(preview.symbol)
    timeframe, candles = await _candles(desk, preview.symbol)
    spec = GridSpec(
        symbol=preview.symbol, lower=preview.lower, upper=preview.upper, levels=preview.levels, investment=Decimal(1)
    )
    return GridPicture(
        title=_("Proposed grid"), symbol=preview.symbol, mode=preview.mode, timeframe=timeframe, candles=candles,
        lines=lay_lines(spec, market.filters.price_tick), last=(await desk.ticker(preview.symbol)).last, proposed=True,
    )  # fmt: skip


async def _candles(desk: Desk, symbol: str) -> tuple[str, tuple[Candle, ...]]:
    for timeframe in TIMEFRAMES:
        try:
            candles = await desk.candles(symbol, timeframe, BARS)
        except (ExchangeUnavailable, NotPossible):
            if timeframe is TIMEFRAMES[-1]:
                raise
            continue
        if candles:
            return timeframe, tuple(candles)
    raise LookupError(_("there are no candles"))
