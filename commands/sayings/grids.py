"""Patterns of what is wrong with a grid, and of what would be accepted instead."""

from __future__ import annotations

from commands.sayings.marking import _

PATTERNS = (
    # Shape
    _("the lowest line must be a price"),
    _("a number above 0"),
    _("the highest line is not above the lowest"),
    _("a price above lower ({lower})"),
    _("a grid needs at least two lines"),
    _("a whole number from {least} to {most}"),
    _("there is nothing to invest"),
    _("an amount above 0"),
    _("on spot nothing can be sold that was not bought"),
    _("long, or a perpetual market"),
    _("on spot nothing is borrowed"),
    _("1, or a perpetual market"),
    _("lines fall together on the price tick {tick}"),
    _("at most {count} lines"),
    _("a wider range"),
    _("slot {lower} → {upper} would lose money to fees of {fee} % on each side"),
    # Exits
    _("an exit must be above zero"),
    _("a price such as 25000, or a percent as 10%"),
    _("more than everything cannot be lost"),
    _("a percent below 100%"),
    _("a neutral grid may lose on either side of the price, so that one price is no exit"),
    _("a percent such as 10%"),
    _("a price above {price}"),
    _("a price below {price}"),
    _("the price is there already"),
    # Money
    _("each slot would hold {quantity}, under the market's minimum of {least} base and {worth} quote"),
    _("each slot would hold {quantity}, over the market's maximum"),
    _("at most {most} base per slot"),
    _("the first purchase of {quantity} is over the market's maximum of {most} in one order"),
    _("the first purchase of {quantity} is over the market's maximum in one order"),
    _("the first order of {quantity} is over the market's maximum of {most}"),
    _("a smaller investment"),
    _("a range that reaches less far up"),
    _("another range"),
    _("a narrower range"),
    _("at least {amount} for {count} lines"),
    _("a leverage from {least} to {most}"),
    _("its smallest slot would hold {quantity}, under the least of {least}"),
    _("about {amount}, or fewer lines"),
    # Options
    _("the grid would start outside its own range"),
    _("a price between {lower} and {upper}"),
    _("the top line is there already"),
    _("the bottom line is there already"),
    _("the stop loss is reached before"),
    _("that is no distance from the edge of the range"),
    _("a percent from 0 to below 100"),
    _("the grid could never recentre"),
    _("at least once a day"),
    _("what keeps the worth of base constant must own it"),
    _("a spot market"),
    _("equal steps of worth need equal percentages"),
    _("geometric"),
    _("a grid without a highest line is laid two lines ahead"),
    _("at least 4 lines"),
    _("a grid without a highest line neither trails, nor recentres, nor grows its slots"),
    _("one of them"),
    _("the size of a perpetual's slots follows from the liquidation of all of them"),
    _("the exchange allows {count} more orders on this market"),
    _("stop another bot there first"),
    # Perpetuals
    _("how the exchange liquidates positions on this market is not known"),
    _("a market with leverage tiers"),
    _("the leverage is below 1, or above what the market or risk_management.futures_risk.max_leverage allows"),
    _(
        "each slot could hold {quantity} of at least {least}, with liquidation {percent} % beyond the range once all "
        "orders have filled"
    ),
    _("the market allows less for {amount} {quote}"),
    _("at most {leverage}"),
    # The whole engine
    _("there is no usable price of {symbol}"),
    _("{count} bots are at work, and risk_management.max_bots allows {most}"),
    _("stop a bot first"),
    _("orders of {amount} would exceed risk_management.max_order_notional"),
    _("orders up to {amount}: invest less, or use more lines"),
    _("the line lies {percent} % from the market, risk_management.price_band_perc allows less"),
    _("a line within {percent} % of {price}"),
    _("all bots together would invest {amount}, over risk_management.max_total_exposure"),
    _("{count} orders would rest, over risk_management.max_open_orders"),
    _("testnet is not armed: no order of its bots would leave"),
    _("production is not armed: no order of its bots would leave"),
    _("arm it first, see /mode"),
    _("all testnet bots together would hold and bid for more than the cap of {amount}"),
    _("all production bots together would hold and bid for more than the cap of {amount}"),
    _("at most {amount}, or a higher cap, see /mode"),
    # Accounts
    _("only {amount} {quote} are not in use by bots"),
    _("only {amount} {quote} are not in use by bots in the wallet of perpetuals"),
    _("a position of {quantity} {base} that is not mine is open there"),
    _("close it on the exchange"),
    _(
        "more than {percent} % of the account could end up in {base}, over "
        "risk_management.spot_risk.max_asset_allocation_perc"
    ),
    _(
        "less than {percent} % of the account would stay in {quote} outside bots, under "
        "risk_management.spot_risk.min_stable_balance_perc"
    ),
    _("bot {bot} trades this perpetual, and an account has one position per market"),
    _("another market, or stop that bot first"),
)
