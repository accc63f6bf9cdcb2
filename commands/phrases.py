"""Rules, order states, sides and modes as a person reads them in an explanation."""

from __future__ import annotations

from config.language import _
from data.decisions import Rule
from data.grids import Spacing
from data.orders import PROTECTION, OrderStatus
from data.values import Mode, Side


def side(value: Side) -> str:
    """Name the direction of an order."""
    return {Side.BUY: _("buy"), Side.SELL: _("sell")}[value]


def spacing(value: Spacing) -> str:
    """Say how the lines are laid."""
    return {Spacing.ARITHMETIC: _("equal steps"), Spacing.GEOMETRIC: _("equal percentages")}[value]


def order_status(value: OrderStatus) -> str:
    """Say where an order is in its life."""
    return {
        OrderStatus.INTENDED: _("being sent"),
        OrderStatus.UNKNOWN: _("unanswered"),
        OrderStatus.OPEN: _("open"),
        OrderStatus.CANCELLING: _("being cancelled"),
        OrderStatus.FILLED: _("filled"),
        OrderStatus.CANCELLED: _("cancelled"),
        OrderStatus.REJECTED: _("rejected"),
    }[value]


def mode_meaning(value: Mode) -> str:
    """Say what a mode does with money."""
    return {
        Mode.SHADOW: _("Orders are simulated. No real money moves."),
        Mode.TESTNET: _("Orders go to the exchange's test environment. No real money moves."),
        Mode.PRODUCTION: _("Orders go to the exchange. Real money moves."),
    }[value]


def rule(value: Rule) -> str:
    """Say which rule fired and what it does."""
    return {
        Rule.OPEN_GRID: _("Open the grid: trade what it starts with and rest one order per slot."),
        Rule.PAIR_SLOT: _("A slot filled on one side: rest its other leg on the next line."),
        Rule.REPLACE_ORDER: _("An order vanished or was rejected: place what is missing."),
        Rule.PRICE_CROSSED: _("Price had crossed the line: wait for the next tick, then retry."),
        Rule.ORDER_REJECTED: _("The exchange rejected an order: leave its slot, or try again soon if it was to close."),
        Rule.ABOVE_RANGE: _("Price rose above the range: do what the bot was told for that."),
        Rule.BELOW_RANGE: _("Price fell below the range: do what the bot was told for that."),
        Rule.BACK_IN_RANGE: _("Price is back in the range: carry on."),
        Rule.TAKE_PROFIT: _("Take profit reached: stop and close."),
        Rule.STOP_LOSS: _("Stop loss reached: stop and close."),
        Rule.STOP_BOT: _("A person stopped the bot."),
        Rule.CLOSE_INVENTORY: _("Close what the stopping bot holds."),
        Rule.BOT_STOPPED: _("Nothing is left open: the bot is stopped."),
        Rule.PAUSE_BOT: _("A person paused the bot: take its orders off the book."),
        Rule.RESUME_BOT: _("A person resumed the bot: place its orders again."),
        Rule.CHANGE_EXIT: _("A person changed when the bot exits."),
        Rule.CHANGE_TRADING_STATE: _("Change what may be traded at all."),
        Rule.LIQUIDATION_NEAR: _("The market came nearer to liquidation: tell, then only reduce, then close."),
        Rule.LIQUIDATION_FAR: _("The market is far from liquidation again."),
        Rule.ARM_MODE: _("A person let bots trade real money, up to a cap."),
        Rule.DISARM_MODE: _("Real money was taken out of use: pause its bots and keep what they hold."),
        Rule.RETRY_SAME_ID: _("The exchange never saw the order: send it again under the same id."),
        Rule.FOLLOW_PRICE: _("Price moved: rest the orders nearest to it, as many as the exchange allows."),
        Rule.TRAIL_UP: _("Price rose past the next line: let the grid follow it up."),
        Rule.TRAIL_DOWN: _("Price fell past the next line: let the grid follow it down."),
        Rule.TRAIL_ENDED: _("Price went where the grid cannot follow: stay."),
        Rule.CHANGE_GRID: _("A person changed how the grid moves."),
        Rule.TRIGGERED: _("The price that the grid waited for was touched: plan it anew and start."),
        Rule.RECENTRE: _("Close the books of this grid and lay it anew around the price."),
        Rule.RECENTRE_HELD: _("Laying the grid anew was considered: keep it where it is."),
        Rule.REINVEST: _("Profit pays for larger orders: let every slot grow."),
        Rule.EXTEND_GRID: _("Price came near the highest line: lay another one."),
        Rule.MARKET_CHANGED: _("The exchange changed the rules of the market: go on by the new ones."),
        Rule.MARKET_PROPOSED: _("A market suits a grid: say so. A person starts it, or allowed its start."),
        Rule.BOOKS_DISAGREE: _("Books and exchange disagree: pause and ask."),
    }[value]


def filled(side: Side, slot: int, *, perpetual: bool) -> str:
    """Say what a fill did, with places for the quantity and the price."""
    bought = side is Side.BUY
    if slot >= 0:
        return _("Bought {quantity} at {price}") if bought else _("Sold {quantity} at {price}")
    if slot == PROTECTION:
        return _("The stop on the exchange closed {quantity} at {price}")
    if not perpetual:
        return _("Initial buy of {quantity} at {price}") if bought else _("Closing sale of {quantity} at {price}")
    # A position is opened and closed from either side, so that the side does not tell which of the two it was.
    bought_now, sold_now = _("Bought {quantity} at market, {price}"), _("Sold {quantity} at market, {price}")
    return bought_now if bought else sold_now
