"""Patterns of why an exchange was not asked or does not do something, as far as the words are ours and not its own."""

from __future__ import annotations

from commands.sayings.marking import _

PATTERNS = (
    _("{reason}; what is known is {seconds} s old"),
    _("{symbol} has no bid or no ask"),
    _("{symbol} is a spot market"),
    _("{symbol} is no perpetual"),
    _("{symbol}: no leverage tiers were told"),
    _("{symbol}: the account is in multi-assets mode; bots trade in single-asset mode alone"),
    _("{symbol}: the account keeps long and short positions apart"),
    _("{symbol}: there are no perpetual markets here"),
    _("{symbol}: a recording of bars holds no book"),
    _("{symbol}: a recording of bars holds no trades"),
    _("{symbol}: a recording of bars holds no open interest"),
    _("{exchange} is not open"),
    _("{exchange} is closed"),
    _("{exchange} is not connected yet"),
    _("{exchange} has no bars of {timeframe}"),
    _("not asked: it failed too often just now"),
    _("the markets are not known yet"),
    _("there is only one wallet here"),
    _("the simulated account could not be stored: {reason}"),
    _("the statistics worker did not start: {reason}"),
    _("the user stream did not open in time"),
)
