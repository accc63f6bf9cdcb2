"""How the account may be divided: between assets, bots, and what stays out of all bots."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from data.grids import GridSpec
from data.market import Market
from data.values import HUNDRED, ZERO, Mode, plain
from engine.grid.plan import Problem
from engine.state import EngineState


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the spot account, in percent of its worth; ``None`` switches one off."""

    max_asset_percent: Decimal | None = None
    min_stable_percent: Decimal | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is worth in one quote currency, and what is promised of it."""

    worth: Decimal
    """Everything whose price is known."""
    in_asset: Decimal
    """What the asset in question holds, and what bots may still turn into it."""
    uncommitted: Decimal
    """Quote that no bot holds."""


def survey(
    state: EngineState, totals: Mapping[str, Decimal], market: Market, last: Decimal, mode: Mode = Mode.SHADOW
) -> Account:
    """Return the account as a bot on ``market`` at price ``last`` would find it; ``totals`` are balances by asset."""
    alike = [bot for bot in state.active_bots() if bot.spec.mode is mode and bot.market.quote == market.quote]
    alike = [bot for bot in alike if not bot.market.perpetual]
    prices = {bot.market.base: _price(state, bot.market.symbol) for bot in alike} | {market.base: last}
    cash = sum((bot.books.cash + bot.books.fees_elsewhere for bot in alike), ZERO)
    # All of a bot's cash may become base when price falls.
    same = sum((bot.books.cash for bot in alike if bot.market.base == market.base), ZERO)
    quote = totals.get(market.quote, ZERO)
    held = {asset: total * (prices.get(asset) or ZERO) for asset, total in totals.items() if asset != market.quote}
    return Account(
        worth=quote + sum(held.values(), ZERO),
        in_asset=held.get(market.base, ZERO) + same,
        uncommitted=quote - cash,
    )


def allocation_problems(spec: GridSpec, market: Market, account: Account, limits: Allocation) -> list[Problem]:
    """Return why this investment would divide the account as the settings forbid."""
    found = []
    most, least = limits.max_asset_percent, limits.min_stable_percent
    if most is not None:
        room = account.worth * most / HUNDRED - account.in_asset
        if spec.investment > room:
            text = f"more than {plain(most)} % of the account could end up in {market.base}"
            found.append(_problem(spec, f"{text}, over risk_management.spot_risk.max_asset_allocation_perc", room))
    if least is not None:
        room = account.uncommitted - account.worth * least / HUNDRED
        if spec.investment > room:
            text = f"less than {plain(least)} % of the account would stay in {market.quote} outside bots"
            found.append(_problem(spec, f"{text}, under risk_management.spot_risk.min_stable_balance_perc", room))
    return found


def taken_problem(state: EngineState, spec: GridSpec, market: Market) -> Problem | None:
    """Return that another bot trades a perpetual already: one account has one position there, and it is that bot's."""
    if not market.perpetual:
        return None
    other = next((bot for bot in state.active_bots(market.symbol) if bot.spec.mode is spec.mode), None)
    if other is None:
        return None
    text = f"bot {other.id} trades this perpetual, and an account has one position per market"
    return Problem(field="symbol", value=market.symbol, problem=text, accepted="another market, or stop that bot first")


def _problem(spec: GridSpec, text: str, room: Decimal) -> Problem:
    most = max(ZERO, room).quantize(Decimal("0.01"), "ROUND_FLOOR")
    return Problem(field="investment", value=plain(spec.investment), problem=text, accepted=f"at most {plain(most)}")


def _price(state: EngineState, symbol: str) -> Decimal | None:
    ticker = state.tickers.get(symbol)
    return ticker.last if ticker else None
