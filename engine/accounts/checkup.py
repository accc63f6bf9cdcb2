"""What could stand between a bot and its orders: keys and their rights, clocks, filters, streams, other engines.

Used before real money is let loose, by `/doctor`, and by `batuta doctor`; the words for it are the business of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Protocol

from data.limits import RiskLimits
from data.market import FeeAsset, Market, MarketKind
from data.orders import installation_of
from data.values import Millis, Mode, floor_to, plain
from engine.accounts.account import Account
from engine.accounts.findings import Check, Finding, Grade
from engine.exchanges.base import Exchange, ExchangeUnavailable, MarketUnknown, Rights
from engine.exchanges.faults import Unauthorised
from engine.runner import Runner
from engine.state import Bot, EngineState

DAY: Millis = 86_400_000
TRIAL_DAYS = 7
"""Days in shadow mode below which a record says little."""


class Surroundings(Protocol):
    """What the engine cannot see by itself."""

    def told_at(self) -> Millis | None:
        """Return when a person last received a message nobody had asked for, or None."""

    def ring(self) -> None:
        """Send the owners a message whose delivery shows that they can be reached."""

    def backed_up_at(self) -> Millis | None:
        """Return when the books were last copied, or None."""


class Checkup:
    """Examines a running engine."""

    def __init__(
        self, runner: Runner, surroundings: Surroundings, *, kinds: Collection[MarketKind], most_skew: Millis
    ) -> None:
        """Examine ``runner``, which may trade ``kinds`` with a clock that is off by at most ``most_skew``."""
        self._runner, self._surroundings = runner, surroundings
        self._kinds, self._most_skew = kinds, most_skew

    async def readiness(self, mode: Mode, symbols: Iterable[str] = ()) -> tuple[Finding, ...]:
        """Return what speaks for or against letting bots of ``mode`` trade; ``symbols`` are looked at too."""
        account = self._runner.accounts.get(mode)
        if account is None:
            return (_unserved(self._runner, mode),)
        state, exchange = self._runner.engine.state, account.exchange
        traded = {bot.market.symbol for bot in state.active_bots()} | set(symbols)
        return (
            *await examine_key(exchange, self._kinds),
            await examine_clock(exchange, self._most_skew),
            *await _position_mode(exchange, self._kinds),
            *await _asset_mode(exchange, self._kinds),
            record(state, self._runner.clock.now()),
            _limits(self._runner.engine.limits),
            self._chat(),
            await _others(exchange, sorted(traded), state.tag),
            self._backup(),
        )

    async def health(self) -> tuple[Finding, ...]:
        """Return everything that keeps, or may soon keep, an order from leaving."""
        state, found = self._runner.engine.state, list[Finding]()
        for account in self._runner.accounts.values():
            found += await examine_key(account.exchange, self._kinds)
            found.append(await examine_clock(account.exchange, self._most_skew))
            if account.mode is not Mode.SHADOW:
                found += await _asset_mode(account.exchange, self._kinds)
            found.append(self._stream(account))
        for bot in state.active_bots():
            if (served := self._runner.accounts.get(bot.spec.mode)) is None:
                found.append(_unserved(self._runner, bot.spec.mode, bot))
            else:
                found += await examine_market(bot, served.exchange) or _refused(bot)
        return (*found, *_foreign(state))

    async def withdrawable(self, mode: Mode) -> bool:
        """Return whether the key of ``mode`` may take money away; False as long as that is not known."""
        account = self._runner.accounts.get(mode)
        findings = () if account is None else await examine_key(account.exchange, self._kinds)
        return any(each.check is Check.WITHDRAWAL and each.grade is Grade.BAD for each in findings)

    def _stream(self, account: Account) -> Finding:
        runner, facts = self._runner, {"exchange": account.exchange.name, "mode": account.mode.value}
        if not account.connected:
            return Finding(check=Check.STREAM, grade=Grade.BAD, facts=facts)
        limit, now = runner.engine.limits.stale_millis, runner.clock.now()
        for bot in runner.engine.state.active_bots():
            ticker = runner.engine.state.tickers.get(bot.market.symbol)
            if bot.spec.mode is account.mode and (ticker is None or now - ticker.at > limit):
                silent = {"symbol": bot.market.symbol, "seconds": str((now - ticker.at) // 1000) if ticker else ""}
                return Finding(check=Check.STREAM, grade=Grade.BAD, facts=facts | silent)
        return Finding(check=Check.STREAM, grade=Grade.GOOD, facts=facts)

    def _chat(self) -> Finding:
        at, now = self._surroundings.told_at(), self._runner.clock.now()
        if at is None or now - at > DAY:
            self._surroundings.ring()
            return Finding(check=Check.CHAT, grade=Grade.BAD)
        return Finding(check=Check.CHAT, grade=Grade.GOOD, facts={"age_ms": str(now - at)})

    def _backup(self) -> Finding:
        at = self._surroundings.backed_up_at()
        if at is None:
            return Finding(check=Check.BACKUP, grade=Grade.WARNING)
        return Finding(check=Check.BACKUP, grade=Grade.GOOD, facts={"age_ms": str(self._runner.clock.now() - at)})


async def examine_key(exchange: Exchange, kinds: Collection[MarketKind]) -> list[Finding]:
    """Return what the key of an account may and may not do; nothing for an account that needs no key."""
    if exchange.mode is Mode.SHADOW:
        return []
    mode = {"mode": exchange.mode.value}
    try:
        rights = await exchange.rights()
    except Unauthorised as error:
        return [refused_key(exchange, error)]
    except ExchangeUnavailable as error:
        return [Finding(check=Check.KEY, grade=Grade.BAD, facts={**mode, "unknown": str(error)})]
    if rights is None:
        return [Finding(check=Check.KEY, grade=Grade.BAD, facts=mode)]
    found = [Finding(check=Check.KEY, grade=Grade.GOOD, facts=mode), *_lacking(rights, kinds, mode)]
    if exchange.mode is Mode.PRODUCTION:
        found.append(Finding(check=Check.WITHDRAWAL, grade=Grade.BAD if rights.withdraw else Grade.GOOD))
        found.append(Finding(check=Check.ADDRESS, grade=Grade.GOOD if rights.bound_to_address else Grade.WARNING))
    return found


def refused_key(exchange: Exchange, error: Unauthorised) -> Finding:
    """Return that the exchange does not accept the key of an account."""
    return Finding(
        check=Check.KEY, grade=Grade.BAD, facts={"mode": exchange.mode.value, "refused": str(error).rstrip(".")}
    )


def _lacking(rights: Rights, kinds: Collection[MarketKind], mode: dict[str, str]) -> Iterator[Finding]:
    granted = {MarketKind.SPOT: rights.spot, MarketKind.PERPETUAL: rights.perpetual}
    # In a fixed order: a set has none, and people read the list twice.
    for kind in MarketKind:
        if kind in kinds:
            grade = Grade.GOOD if granted[kind] else Grade.BAD
            yield Finding(check=Check.RIGHTS, grade=grade, facts={**mode, "kind": kind.value})


async def examine_clock(exchange: Exchange, most: Millis) -> Finding:
    """Return how far our clock is from that of the exchange."""
    facts = {"exchange": exchange.name, "limit_ms": str(most)}
    try:
        skew = await exchange.clock_skew()
    except ExchangeUnavailable as error:
        return Finding(check=Check.CLOCK, grade=Grade.BAD, facts={**facts, "unknown": str(error)})
    grade = Grade.GOOD if abs(skew) <= most else Grade.BAD
    return Finding(check=Check.CLOCK, grade=grade, facts={**facts, "skew_ms": str(skew)})


async def examine_market(bot: Bot, exchange: Exchange) -> list[Finding]:
    """Return whether ``exchange`` still takes a bot's orders; nothing when it does."""
    facts = {"bot": str(bot.id), "symbol": bot.market.symbol}
    try:
        market = await exchange.market(bot.market.symbol)
    except MarketUnknown:
        return [Finding(check=Check.LISTED, grade=Grade.BAD, facts=facts)]
    except ExchangeUnavailable:
        return []
    misfit = next(_misfits(bot, market), None)
    return [] if misfit is None else [Finding(check=Check.FILTERS, grade=Grade.BAD, facts={**facts, **misfit})]


def _refused(bot: Bot) -> list[Finding]:
    """Return how many of a bot's orders were refused and are not being placed; a closed market shows by that alone."""
    count = sum(slot.blocked for slot in bot.slots) + bot.close_blocked + bot.protect_blocked
    facts = {"bot": str(bot.id), "symbol": bot.market.symbol, "count": str(count)}
    return [Finding(check=Check.REFUSED, grade=Grade.BAD, facts=facts)] if count else []


def _misfits(bot: Bot, market: Market) -> Iterator[dict[str, str]]:
    """Yield each way in which orders of the bot's slots would be refused by the filters of the market as it is now."""
    filters, in_base = market.filters, bot.market.fees.asset is FeeAsset.RECEIVED
    for line in bot.lines:
        if line % filters.price_tick:
            yield _misfit("price", line, "tick", filters.price_tick)
    for slot in bot.slots:
        # A fee taken in base leaves slots between two steps; their orders are rounded down.
        size = floor_to(slot.capacity, filters.quantity_step) if in_base else slot.capacity
        if size % filters.quantity_step:
            yield _misfit("quantity", size, "step", filters.quantity_step)
        if size < filters.min_quantity:
            yield _misfit("quantity", size, "minimum", filters.min_quantity)
        if filters.max_quantity is not None and size > filters.max_quantity:
            yield _misfit("quantity", size, "maximum", filters.max_quantity)
        if size * slot.lower < filters.min_notional:
            yield _misfit("worth", size * slot.lower, "minimum", filters.min_notional)


def _misfit(what: str, value: Decimal, limit: str, bound: Decimal) -> dict[str, str]:
    return {"what": what, "value": plain(value), "limit": limit, "bound": plain(bound)}


def _unserved(runner: Runner, mode: Mode, bot: Bot | None = None) -> Finding:
    facts = {"mode": mode.value, "engine": ", ".join(runner.accounts)}
    return Finding(check=Check.MODE, grade=Grade.BAD, facts=facts | ({"bot": str(bot.id)} if bot is not None else {}))


async def _position_mode(exchange: Exchange, kinds: Collection[MarketKind]) -> list[Finding]:
    if MarketKind.PERPETUAL not in kinds:
        return []
    try:
        held = Counter(position.symbol for position in await exchange.positions())
    except ExchangeUnavailable as error:
        return [Finding(check=Check.POSITION_MODE, grade=Grade.BAD, facts={"unknown": str(error)})]
    double = next((symbol for symbol, count in held.items() if count > 1), "")
    grade = Grade.BAD if double else Grade.GOOD
    return [Finding(check=Check.POSITION_MODE, grade=grade, facts={"symbol": double} if double else {})]


async def _asset_mode(exchange: Exchange, kinds: Collection[MarketKind]) -> list[Finding]:
    if MarketKind.PERPETUAL not in kinds:
        return []
    try:
        grade = Grade.BAD if await exchange.shares_margin() else Grade.GOOD
    except ExchangeUnavailable as error:
        return [Finding(check=Check.ASSET_MODE, grade=Grade.BAD, facts={"unknown": str(error)})]
    return [Finding(check=Check.ASSET_MODE, grade=grade)]


def record(state: EngineState, now: Millis) -> Finding:
    """Return what bots did in shadow mode."""
    tried = [bot for bot in state.bots.values() if bot.spec.mode is Mode.SHADOW]
    fills = sum(bot.books.fills for bot in tried)
    days = max(((bot.stopped_at or now) - bot.started_at for bot in tried), default=0) // DAY
    facts = {"bots": str(len(tried)), "days": str(days), "fills": str(fills)}
    grade = Grade.BAD if not fills else Grade.WARNING if days < TRIAL_DAYS else Grade.GOOD
    return Finding(check=Check.RECORD, grade=grade, facts=facts)


def _limits(limits: RiskLimits) -> Finding:
    order, total = limits.max_order_notional, limits.max_total_exposure
    if not order or not total:
        return Finding(check=Check.LIMITS, grade=Grade.BAD)
    facts = {"order": plain(order), "total": plain(total)}
    return Finding(check=Check.LIMITS, grade=Grade.GOOD, facts=facts)


async def _others(exchange: Exchange, symbols: Sequence[str], tag: str) -> Finding:
    found: set[str] = set()
    try:
        for symbol in symbols:
            try:
                reports = await exchange.open_orders(symbol)
            except MarketUnknown:
                continue
            found |= {report.client_id for report in reports if installation_of(report.client_id) not in (None, tag)}
    except ExchangeUnavailable as error:
        return Finding(check=Check.OTHERS, grade=Grade.BAD, facts={"unknown": str(error)})
    if not found:
        return Finding(check=Check.OTHERS, grade=Grade.GOOD)
    return Finding(check=Check.OTHERS, grade=Grade.BAD, facts={"count": str(len(found)), "example": min(found)})


def _foreign(state: EngineState) -> Iterator[Finding]:
    for market, found in sorted(state.reconciled.items()):
        if found:
            facts = {"market": market, "count": str(len(found)), "example": found[0]}
            yield Finding(check=Check.FOREIGN, grade=Grade.WARNING, facts=facts)
