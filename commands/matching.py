"""Finding what a person meant: a market by part of its name, a bot by number or symbol."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from commands import words
from commands.format import profit
from commands.reply import Button, Card, Failure, Field
from commands.sayings.recogniser import said
from config.language import _
from data.market import Market
from engine.desk import Desk
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from engine.views import BotView


def find_markets(markets: Sequence[Market], query: str) -> list[Market]:
    """Return the markets that ``query`` may mean, best first; all of them when it is empty."""
    wanted = _letters(query)
    if not wanted:
        return list(markets)
    near = set(difflib.get_close_matches(wanted, [_letters(each.symbol) for each in markets], n=12, cutoff=0.6))
    near |= set(difflib.get_close_matches(wanted, [each.base.upper() for each in markets], n=12, cutoff=0.6))
    ranked = [(_rank(each, wanted, near), each.symbol, each) for each in markets]
    return [each for rank, symbol, each in sorted(ranked, key=lambda entry: entry[:2]) if rank < _NO_MATCH]


async def find_market(desk: Desk, symbol: str, command: str) -> Market | Failure:
    """Return one market, or a failure whose buttons run ``command`` on the nearest ones."""
    try:
        return await desk.market(symbol)
    except MarketUnknown as unknown:
        near = list(unknown.near)
        try:
            near = near or [each.symbol for each in find_markets(await desk.markets(), symbol)]
        except ExchangeUnavailable:
            near = []
        return Failure(
            problem=_("The exchange does not list this market."),
            field="symbol",
            value=symbol,
            accepted=_("one such as {symbols}").format(symbols=", ".join(near[:3])) if near else _("see /markets"),
            buttons=tuple(Button(each, f"/{command} {each}") for each in near[:3]),
        )
    except ExchangeUnavailable as error:
        return unavailable(error)


def unavailable(error: ExchangeUnavailable) -> Failure:
    """Say that the exchange cannot be asked now."""
    return Failure(
        problem=_("The exchange cannot be reached: {error} Try again in a moment.").format(error=_end(error))
    )


def find_bot(desk: Desk, text: str) -> BotView | None:
    """Return the bot with this number, or the only active one on this market."""
    wanted = text.strip().lstrip("#")
    if wanted.isdecimal():
        return desk.bot(int(wanted))
    on_market = [each for each in desk.bots() if each.status.active and _letters(each.spec.symbol) == _letters(wanted)]
    return on_market[0] if len(on_market) == 1 else None


def one_bot(desk: Desk, text: str | None, command: str, *, active: bool = True) -> BotView | Card | Failure:
    """Return the bot ``text`` means, or the only one there is; otherwise ask, with one button per bot.

    ``command`` is what the buttons run, with ``{}`` for the bot's number; ``active`` leaves stopped bots out.
    """
    known = [each for each in desk.bots() if each.status.active or not active]
    if text is not None:
        bot = find_bot(desk, text)
        if bot is None:
            return no_such_bot(known, text, command)
        return _stopped(bot) if active and not bot.status.active else bot
    if len(known) == 1:
        return known[0]
    return _which(known, command) if known else no_bots()


def bot_name(bot: BotView) -> str:
    """Return how a bot is called in texts."""
    return _("Bot {number} {symbol}").format(number=bot.id, symbol=bot.spec.symbol)


def no_bots() -> Failure:
    """Say that there is no bot, and how to start one."""
    return Failure(problem=_("There is no running bot."), buttons=(Button(_("Start a grid"), "/grid"),))


_NO_MATCH = 4


def _rank(market: Market, wanted: str, near: set[str]) -> int:
    symbol, base = _letters(market.symbol), market.base.upper()
    matches = (wanted in (symbol, base), symbol.startswith(wanted), wanted in symbol, bool({symbol, base} & near))
    return next((rank for rank, match in enumerate(matches) if match), _NO_MATCH)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.upper() if letter.isalnum())


def _end(error: Exception) -> str:
    text = said(str(error))
    return text if text.endswith((".", "!", "?")) else text + "."


def _buttons(bots: Sequence[BotView], command: str) -> tuple[Button, ...]:
    return tuple(Button(f"{each.id} {each.spec.symbol}", command.format(each.id)) for each in bots[:8])


def no_such_bot(known: Sequence[BotView], text: str, command: str) -> Failure:
    """Say that no bot is called this, and which ones there are."""
    numbers = ", ".join(str(each.id) for each in known[:8])
    return Failure(
        problem=_("There is no such bot."),
        field="bot",
        value=text,
        accepted=_("a number: {numbers}").format(numbers=numbers) if numbers else _("none yet; start one with /grid"),
        buttons=_buttons(known, command),
    )


def _stopped(bot: BotView) -> Failure:
    return Failure(
        problem=_("{bot} is stopped.").format(bot=bot_name(bot)),
        field="bot",
        value=str(bot.id),
        accepted=_("a bot that is not stopped"),
        buttons=(Button(_("Bots"), "/bots"),),
    )


def _which(bots: Sequence[BotView], command: str) -> Card:
    fields = tuple(Field(bot_name(each), _summary(each)) for each in bots)
    return Card(title=_("Which bot?"), fields=fields, buttons=_buttons(bots, command))


def _summary(bot: BotView) -> str:
    parts = [words.status(bot.status), words.position(bot.position)]
    if bot.profit is not None:
        parts.append(profit(bot.profit.change, bot.profit.invested, bot.market.quote))
    return ", ".join(parts)
