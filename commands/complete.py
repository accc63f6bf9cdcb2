"""What is offered while somebody types: choices, symbols, bots and decisions that fit the first letters."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from commands import words
from commands.format import clock_time
from commands.registry import Parameter, ParameterKind
from config.language import _
from config.schema import Settings
from data.market import Market
from engine.desk import Desk

MOST = 25
"""No platform shows more."""
_LONGEST = 100


class Choice(msgspec.Struct, frozen=True):
    """One suggestion: what is shown, and what is sent back."""

    label: str
    value: str


async def suggestions(parameter: Parameter, prefix: str, desk: Desk, settings: Settings) -> tuple[Choice, ...]:
    """Return at most 25 suggestions for a parameter. Raises what the desk raises."""
    typed = prefix.strip().lower()
    if parameter.kind is ParameterKind.CHOICE:
        found = [Choice(each, each) for each in parameter.choices if typed in each.lower()]
    elif parameter.kind is ParameterKind.FLAG:
        found = [Choice(label, value) for label, value in ((_("yes"), "yes"), (_("no"), "no")) if typed in value]
    elif parameter.complete == "symbol":
        found = _symbols(await desk.markets(), typed, settings)
    elif parameter.complete == "bot":
        found = _bots(desk, typed)
    elif parameter.complete == "decision":
        found = _decisions(desk, typed)
    else:
        found = []
    return tuple(found[:MOST])


def _symbols(markets: Sequence[Market], typed: str, settings: Settings) -> list[Choice]:
    wanted = _letters(typed)
    pairs = settings.pair_selection
    liked = (*pairs.spot_pairs.preferred_symbols, *pairs.futures_pairs.preferred_symbols)
    preferred = {_letters(each) for each in liked}
    fitting = [each.symbol for each in markets if wanted in _letters(each.symbol)]
    fitting.sort(key=lambda each: (not _letters(each).startswith(wanted), _letters(each) not in preferred, each))
    return [Choice(each, each) for each in fitting]


def _bots(desk: Desk, typed: str) -> list[Choice]:
    found = []
    for each in desk.bots():
        label = f"#{each.id} {each.spec.symbol} · {words.status(each.status)} · {words.mode(each.spec.mode)}"
        if typed in label.lower():
            found.append(Choice(label[:_LONGEST], str(each.id)))
    return found


def _decisions(desk: Desk, typed: str) -> list[Choice]:
    found = []
    for each in desk.decisions(None, MOST):
        label = f"{each.id} · #{each.bot} · {each.rule.value.replace('_', ' ')} · {clock_time(each.at)} UTC"
        if typed in label.lower():
            found.append(Choice(label[:_LONGEST], each.id))
    return found


def _letters(symbol: str) -> str:
    return "".join(each for each in symbol.lower() if each.isalnum())
