"""Patterns of what agents say: why a market is proposed or passed over, and why trading is limited."""

from __future__ import annotations

from commands.sayings.marking import _

PATTERNS = (
    # The figures of a proposal
    _("{known} of {count} criteria are met, and a grid of {lines} lines is expected to complete {cycles} cycles a day"),
    _("{found} {unit} (at least {wanted} {same})"),
    _("{found} {unit} (at most {wanted} {same})"),
    _("not told (at least {wanted} {unit})"),
    _("not told (at most {wanted} {unit})"),
    _("correlation"),
    _("{value} with {symbol} (at most {most})"),
    _("not known with {symbol} (at most {most})"),
    _("no market is traded"),
    _("expected cycles"),
    _("{mean} a day, mostly {low} to {high}"),
    _("expected profit"),
    _("{percent} % a day after fees, while price stays in the range"),
    _("preferred"),
    _("sentiment"),
    _("score"),
    # Why a market is not proposed
    _("proposed, score {score}"),
    _("is traded, or was proposed within a day"),
    _("score {score} (at least {least})"),
    _("others were better"),
    _("there was no answer"),
    _("correlation: {value} with {symbol} (at most {most})"),
    _("correlation: {value} with {symbol}, which is proposed (at most {most})"),
    _("sentiment: {value} (at least {least})"),
    _("{count} hours of prices are too few"),
    # Why a proposal was not started
    _("there was no answer in time"),
    _("bot {bot} was started"),
    _("bot {bot} trades this market"),
    _("price has left the range, it is {price}"),
    _("bots: {count} that were started unasked are at work, and {most} may be"),
    _("investment: {used} in bots that were started unasked and {further} more would pass the cap of {most}"),
    # Orders
    _("orders are missing or too many"),
    _("differences"),
    _("slot {slot} buy"),
    _("slot {slot} sell"),
    _("missing {quantity} {base}"),
    _("too many {quantity} {base}"),
    # Risk
    _("drawdown limit"),
    _("daily loss limit"),
    _("prices are stale"),
    _("exchange is disconnected"),
    _("equity is unknown"),
    _("data is well again"),
    _("marks moved"),
    _("prices are stale (was reducing)"),
    _("exchange is disconnected (was reducing)"),
    _("equity is unknown (was reducing)"),
    _("equity"),
    _("peak"),
    _("day start"),
    _("drawdown"),
    _("daily loss"),
    # A criterion and how it stands
    _("{criterion}: {finding}"),
)
