"""Patterns of what is said of a market: criteria, statistics, and why a grid is recommended or none can be."""

from __future__ import annotations

from commands.sayings.marking import _

PATTERNS = (
    # Criteria
    _("volume of 24 h"),
    _("daily range"),
    _("trend"),
    _("spread"),
    _("open interest"),
    _("depth within 1 %"),
    _("many trades fill a grid's orders"),
    _("a grid earns from movement"),
    _("a strong trend leaves a grid behind"),
    _("what a market order loses at once"),
    _("a market that few hold is left fast"),
    _("what rests near the price takes orders without a jump"),
    # What statistics are called
    _("regime"),
    _("next day"),
    _("next {count} days"),
    _("volatility, {count} {unit}"),
    _("half-life"),
    _("stationarity"),
    _("lines {percent} % apart"),
    # What they come to
    _("trend ({percent} %)"),
    _("range ({percent} %)"),
    _("volatile ({percent} %)"),
    _("{percent} % a year"),
    _("not found"),
    _("{hours} h ± {error}"),
    _("under {hours} h"),
    _("stationary (ADF p {adf}, KPSS p {kpss})"),
    _("random walk (ADF p {adf}, KPSS p {kpss})"),
    _("contradictory (ADF p {adf}, KPSS p {kpss})"),
    _("undecided (ADF p {adf}, KPSS p {kpss})"),
    _("{cycles} cycles a day ({low} to {high}), {fills} fills"),
    # What they mean
    _("a grid sells out on the way up, or is left holding on the way down: narrow it, trail it, or wait"),
    _("price goes to and fro, which is what a grid earns from"),
    _("price moves more than before: widen the range, or wait until it calms down"),
    _("price has had a mean to come back to, so what a grid buys tends to be sold again"),
    _("price has had no mean to come back to: a range that held so far promises nothing"),
    _("price comes back, but to a mean that moves: keep the range wide or let it trail"),
    _("the bars are too few to tell a range from a random walk"),
    _("one day in three moves further; by {method}, as {because}"),
    _("GARCH(1,1) and realised daily variances"),
    _("a weighted mean and realised daily variances"),
    _("GARCH(1,1) converged on {count} returns of {hours} h"),
    _("GARCH(1,1) did not converge on {count} returns of {hours} h"),
    _("there are fewer than the {count} hourly returns that GARCH needs"),
    _("a range much narrower than this is soon left"),
    _("larger at longer scales where price trends, smaller where it reverts; reversion feeds a grid"),
    _("price did not come back to a mean: what a grid buys on the way down may stay"),
    _("so long price takes to come half of the way back: a range should be given several of them"),
    _("a random walk would often look so, too: do not count on price coming back"),
    _("each cycle earns one spacing on one slot, less both fees"),
    _("bars of this length hide crossings, so that there will be more"),
    # Recommended grids
    _("range"),
    _("spacing"),
    _("levels"),
    _("minimum capital"),
    _("{lower} to {upper}"),
    _(
        "price moves by about {percent} % in {days} days; the range reaches {times} times as far, and where price has "
        "just been"
    ),
    _("price hardly moves ({percent} % in {days} days): so wide it must be for {slots} slots over fees"),
    _(
        "a cycle breaks even at {percent} %, and lines lie at least {times} times as far apart; at this distance "
        "{cycles} cycles a day are expected"
    ),
    _("so many fit into the range; each of the {slots} slots rests one order, and {most} may rest"),
    _("the market allows {most} orders, one for each slot, so that the lines lie further apart"),
    _(
        "each of the {slots} slots needs orders worth {worth} {quote} and of {quantity} {base} at least, with 5 % to "
        "spare, even at {lowest}"
    ),
    _("the range {lower} to {upper} does not hold the price {price}"),
    _("{lower} to {upper}, as far as limits reach, holds no {count} slots"),
    _("max_order_notional: {amount} is less than this grid's orders must be worth"),
    # No statistics
    _("the statistics worker died twice"),
    _("the statistics took longer than {seconds} s"),
    _("the statistics are closed"),
)
