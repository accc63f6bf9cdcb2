"""A market that suits a grid, as it is offered: the grid, why, and buttons that lead to the ordinary plan."""

from __future__ import annotations

from commands.reply import Button, Card, Field
from config.language import _
from data.decisions import Decision
from data.values import Mode

LONGEST = 60
"""Bytes of a button's line."""
_GRID = ("market", "lower", "upper", "levels", "investment")
_SAID = {*_GRID, "score", "reason"}
REASONS = 10
"""Figures shown; the others are in the explanation."""


def card(decision: Decision, why: tuple[Button, ...], mode: Mode) -> Card:
    """Return the offer, with ``why`` as its last buttons. Nothing starts by it: the grid's button asks for a plan."""
    known = {each.name: each.value for each in reversed(decision.inputs)}
    fields = [Field(_("Why"), known["reason"])] if "reason" in known else []
    if all(name in known for name in _GRID):
        quote = known["market"].partition(":")[0].partition("/")[2]
        fields += [
            Field(_("Range"), f"{known['lower']} – {known['upper']}"),
            Field(_("Lines"), known["levels"]),
            Field(_("Investment"), f"{known['investment']} {quote}"),
        ]
    if "score" in known:
        fields.append(Field(_("Score"), _("{score} of 1").format(score=known["score"])))
    figures = [each for each in decision.inputs if each.name not in _SAID]
    fields += [Field(each.name.capitalize(), each.value) for each in figures[:REASONS]]
    return Card(
        title=_("{symbol} suits a grid").format(symbol=known.get("market", "?")),
        fields=tuple(fields),
        mode=mode,
        note=_("Nothing was started. The future may differ from what was seen, and often does."),
        buttons=(*_buttons(known), *why),
    )


def _buttons(known: dict[str, str]) -> tuple[Button, ...]:
    if not all(name in known for name in _GRID):
        return ()
    symbol, words = known["market"], [known[name] for name in _GRID]
    # What does not fit is asked for once the button is tapped.
    lines = (" ".join(["/grid", *words[:count]]) for count in (len(words), len(words) - 1, 1))
    return (
        Button(_("See the plan"), next((line for line in lines if len(line.encode()) <= LONGEST), "/grid")),
        Button(_("Validate"), f"/validate {symbol}"),
        Button(_("Chart"), f"/chart {symbol} 4h"),
    )
