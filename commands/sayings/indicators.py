"""Patterns of what indicators say, and what indicators and their values are called on a card."""

from __future__ import annotations

from commands.sayings.marking import _
from config import language

PATTERNS = (
    _("not known yet: needs {count} bars"),
    _("trend up (above {level})"),
    _("trend down (above {level})"),
    _("no trend (below {level})"),
    _("no clear trend (between {low} and {high})"),
    _("a bar moves {percent} % of the price on average"),
    _("flat: the bands have no width"),
    _("above the upper band: unusually high for these bars"),
    _("below the lower band: unusually low for these bars"),
    _("inside the bands, {percent} % of the way from lower to upper"),
    _("flat: the channel has no width"),
    _("at the highest price of {count} bars, or above"),
    _("at the lowest price of {count} bars, or below"),
    _("inside the channel, {percent} % of the way from lowest to highest"),
    _("above the channel: a strong move up"),
    _("below the channel: a strong move down"),
    _("inside the channel, {percent} % of the way from lower to upper"),
    _("price at the {count}-bar exponential average"),
    _("price {percent} % above the {count}-bar exponential average"),
    _("price {percent} % below the {count}-bar exponential average"),
    _("price at the mean of the last {count} closes"),
    _("price {percent} % above the mean of the last {count} closes"),
    _("price {percent} % below the mean of the last {count} closes"),
    _("price at what was paid on average since midnight UTC"),
    _("price {percent} % above what was paid on average since midnight UTC"),
    _("price {percent} % below what was paid on average since midnight UTC"),
    _("trend up, price at the line that would end it"),
    _("trend up, price {percent} % above the line that would end it"),
    _("trend up, price {percent} % below the line that would end it"),
    _("trend down, price at the line that would end it"),
    _("trend down, price {percent} % above the line that would end it"),
    _("trend down, price {percent} % below the line that would end it"),
    _("flat: no swing"),
    _("beyond the end of the swing up of the last {count} bars"),
    _("beyond the end of the swing down of the last {count} bars"),
    _("all of the swing up of the last {count} bars given back, and more"),
    _("all of the swing down of the last {count} bars given back, and more"),
    _("{percent} % of the swing up of the last {count} bars given back"),
    _("{percent} % of the swing down of the last {count} bars given back"),
    _("moves tend to go on ({value}, above {level})"),
    _("moves tend to be taken back ({value}, below {level})"),
    _("no clear tendency ({value}, as a random walk may have)"),
    _("flat: both averages are the same"),
    _("fast average above the slow one; above its signal: momentum up"),
    _("fast average above the slow one; not above its signal: momentum down"),
    _("fast average below the slow one; above its signal: momentum up"),
    _("fast average below the slow one; not above its signal: momentum down"),
    _("as much volume on rising bars as on falling ones since the first bar"),
    _("more volume on rising bars than on falling ones since the first bar; its direction counts, not its level"),
    _("more volume on falling bars than on rising ones since the first bar; its direction counts, not its level"),
    _("no movement"),
    _("a bar moves {short} % lately, {long} % over {count} bars: more restless than usual"),
    _("a bar moves {short} % lately, {long} % over {count} bars: calmer than usual"),
    _("a bar moves {short} % lately, {long} % over {count} bars: as usual"),
    _("no rise to measure: only falls, or no movement at all"),
    _("overbought (above {level})"),
    _("oversold (below {level})"),
    _("neutral (between {low} and {high})"),
    _("overbought (above {level}): closing near the top of its range"),
    _("oversold (below {level}): closing near the bottom of its range"),
    _("at the bottom of its range, or price has not moved at all"),
    _("usual: within {deviations} standard deviations of the mean of {count} closes"),
    _("unusually high: {deviations} standard deviations from the mean of {count} closes"),
    _("unusually low: {deviations} standard deviations from the mean of {count} closes"),
)
_NAMES = {
    "adx": _("ADX"),
    "atr": _("ATR"),
    "bollinger": _("Bollinger bands"),
    "donchian": _("Donchian channel"),
    "ema": _("EMA"),
    "fibonacci": _("Fibonacci"),
    "hurst": _("Hurst exponent"),
    "keltner": _("Keltner channel"),
    "macd": _("MACD"),
    "obv": _("OBV"),
    "realised_volatility": _("Realised volatility"),
    "rsi": _("RSI"),
    "sma": _("SMA"),
    "stochastic": _("Stochastic"),
    "supertrend": _("Supertrend"),
    "vwap": _("VWAP"),
    "zscore": _("Z-score"),
}
_OUTPUTS = {
    "plus_di": "+DI",
    "minus_di": "-DI",
    "upper": _("upper"),
    "middle": _("middle"),
    "lower": _("lower"),
    "signal": _("signal"),
    "histogram": _("histogram"),
    "short": _("short window"),
    "medium": _("medium window"),
    "long": _("long window"),
    "line": _("line"),
    "k": "K",
    "d": "D",
    "r0": "0 %:",
    "r236": "23.6 %:",
    "r382": "38.2 %:",
    "r500": "50 %:",
    "r618": "61.8 %:",
    "r786": "78.6 %:",
    "r1000": "100 %:",
}


def indicator_name(name: str) -> str:
    """Return what an indicator is called, in the language in use; one that nobody named, by its module."""
    return language._(_NAMES[name]) if name in _NAMES else name.replace("_", " ")


def output_name(name: str) -> str:
    """Return what a value of an indicator is called beside others, in the language in use."""
    if name in _NAMES:
        return indicator_name(name)
    return language._(_OUTPUTS[name]) if name in _OUTPUTS else name.replace("_", " ")
