"""How a grid waits, follows, grows and is laid anew, in words: on plans, on cards and in what is pushed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from commands.format import amount, price
from commands.reply import Field
from config.language import _, ngettext
from data.decisions import Rule
from data.grids import Direction, GridSpec
from data.values import plain
from engine.grid.plan import GridPlan
from engine.views import BotStatus, BotView

OFTEN = frozenset({Rule.TRAIL_UP, Rule.TRAIL_DOWN, Rule.RECENTRE_HELD, Rule.CHANGE_GRID})
"""What happens so often that the newest word is enough."""


def plan_fields(plan: GridPlan) -> list[Field]:
    """Return what a person must know beforehand of a grid that moves; nothing for one that stays."""
    spec, tick = plan.spec, plan.market.filters.price_tick
    fields = spec_fields(spec, tick)
    if plan.slots:
        step = (plan.lines[-1] - plan.lines[0]) * plan.quantity
        fields += step_fields(spec.direction, spec.trail_up, spec.trail_down, amount(step, plan.market.quote))
    if plan.window:
        count = ngettext("{count} order", "{count} orders", plan.window).format(count=plan.window)
        text = _("the {orders} nearest to the price: the exchange allows no more").format(orders=count)
        fields.append(Field(_("On the exchange"), text))
    return fields


def step_fields(direction: Direction, up: Decimal | None, down: Decimal | None, loss: str) -> list[Field]:
    """Say which way following the price costs: what was bought is sold lower, what was sold is bought back higher."""
    text = _("realises a loss of up to {loss}").format(loss=loss)
    fields = []
    if up is not None and direction is not Direction.LONG:
        fields.append(Field(_("Each step up"), text))
    if down is not None and direction is not Direction.SHORT:
        fields.append(Field(_("Each step down"), text))
    return fields


def spec_fields(spec: GridSpec, tick: Decimal) -> list[Field]:
    """Return the options of a grid that are not the usual ones."""
    fields = []
    if spec.trigger_price is not None:
        fields.append(Field(_("Starts at"), price(spec.trigger_price, tick)))
    if spec.trail_up is not None:
        fields.append(Field(_("Follows up to"), price(spec.trail_up, tick)))
    if spec.trail_down is not None:
        fields.append(Field(_("Follows down to"), price(spec.trail_down, tick)))
    if spec.infinity:
        fields.append(Field(_("Highest line"), _("none: it keeps laying lines as price rises")))
    if spec.reinvest:
        fields.append(Field(_("Profit"), _("is reinvested: orders grow by it")))
    return fields


def bot_fields(bot: BotView) -> list[Field]:
    """Return how a bot's grid moves, and what the grids before it came to."""
    quote, tick = bot.market.quote, bot.market.filters.price_tick
    spec = bot.spec if bot.status is BotStatus.WAITING else _started(bot.spec)
    fields = spec_fields(spec, tick)
    for version in bot.versions[-3:]:
        label = _("Grid {number}").format(number=version.number)
        text = _("{lower} – {upper}: {profit} grid profit, {realised} realised").format(
            lower=price(version.lower, tick),
            upper=price(version.upper, tick),
            profit=amount(version.grid_profit, quote, signed=True),
            realised=amount(version.realised, quote, signed=True),
        )
        fields.append(Field(label, text))
    return fields


def _started(spec: GridSpec) -> GridSpec:
    return msgspec.structs.replace(spec, trigger_price=None)


def limit_word(limit: Decimal | None, tick: Decimal) -> str:
    """Return how far a grid follows on one side."""
    return _("it stays") if limit is None else price(limit, tick)


def options(spec: GridSpec) -> list[str]:
    """Return the options of a grid as they are typed."""
    prices = {"trigger": spec.trigger_price, "trail_up": spec.trail_up, "trail_down": spec.trail_down}
    words = [f"{name}={plain(value)}" for name, value in prices.items() if value is not None]
    return words + [f"{name}=yes" for name in ("infinity", "reinvest") if getattr(spec, name)]


def title(rule: Rule, bot: str) -> str:
    """Say in one line what a grid has just done, or what was done to it."""
    return {
        Rule.TRAIL_UP: _("The grid of bot {bot} follows the price up"),
        Rule.TRAIL_DOWN: _("The grid of bot {bot} follows the price down"),
        Rule.TRAIL_ENDED: _("The grid of bot {bot} can follow the price no further"),
        Rule.TRIGGERED: _("Price is where bot {bot} waited for it: its grid starts"),
        Rule.RECENTRE: _("Bot {bot} lays its grid anew around the price"),
        Rule.RECENTRE_HELD: _("Bot {bot} keeps its grid where it is"),
        Rule.CHANGE_GRID: _("How the grid of bot {bot} moves was changed"),
        Rule.MARKET_CHANGED: _("The exchange changed the rules of a market"),
    }[rule].format(bot=bot)
