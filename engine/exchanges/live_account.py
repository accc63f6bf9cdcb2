"""The account behind the orders: balances, positions, funding, leverage, transfers and what its key may do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from data.events import FundingPaid
from data.grids import MarginMode
from data.market import MarketKind
from data.values import ZERO, Millis, Mode, plain
from engine.exchanges.base import Balance, NotPossible, Position, Rights
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_markets import contract_size, decimal
from engine.exchanges.faults import AlreadyThere, Refused, Unauthorised
from engine.exchanges.pacing import Lane
from engine.exchanges.quirks.base import Capabilities, KeyRights, capabilities

_PAGE = 1000


async def balances(client: Client) -> list[Balance]:
    """Return what the wallet of one kind of market holds."""
    told = await client.read("fetch_balance", lane=Lane.BOOKS)
    wallets = client.part.wallet_balances(told["info"]) if client.part.wallet_balances is not None else {}
    found = []
    for asset, amounts in told.items():
        if not isinstance(amounts, dict) or "free" not in amounts or asset in {"info", "free", "used", "total"}:
            continue
        free, used = decimal(amounts.get("free")), decimal(amounts.get("used"))
        if asset in wallets:
            # What may be used can exceed the wallet by unrealised profit, and it is not the wallet's.
            total = decimal(wallets[asset])
            free = min(free, total)
            used = total - free
        if free or used:
            found.append(Balance(asset, free, used, client.kind))
    return found


async def positions(client: Client) -> list[Position]:
    """Return every open position on a market that is known; one listed a moment ago is nobody's grid."""
    known, answer = client.ccxt.markets, await client.read("fetch_positions", lane=Lane.BOOKS)
    found = [told for told in answer if told["symbol"] in known and decimal(told.get("contracts"))]
    set_to: Mapping[str, Any] = {}
    if any(told.get("leverage") is None for told in found) and client.ccxt.has.get("fetchLeverages"):
        set_to = await client.read("fetch_leverages", [told["symbol"] for told in found], lane=Lane.BOOKS)
    return [_position(client, told, set_to.get(told["symbol"], {})) for told in found]


def _position(client: Client, told: Mapping[str, Any], set_to: Mapping[str, Any]) -> Position:
    size = contract_size(client.ccxt.markets[told["symbol"]])
    quantity = abs(decimal(told["contracts"])) * size
    return Position(
        symbol=told["symbol"],
        quantity=-quantity if told.get("side") == "short" else quantity,
        entry_price=decimal(told.get("entryPrice")),
        mark_price=decimal(told.get("markPrice")),
        liquidation_price=decimal(told.get("liquidationPrice")) or None,
        leverage=int(decimal(told.get("leverage") or set_to.get("longLeverage"))) or 1,
        margin=MarginMode(set_to.get("marginMode") or told.get("marginMode") or MarginMode.CROSS),
    )


async def funding(client: Client, mode: Mode, symbols: Collection[str], since: Millis) -> list[FundingPaid]:
    """Return funding settled on some markets at or after ``since``, oldest first."""
    if not _can(client).funding_history:
        return []
    at_once = client.part.funding_of_all and len(symbols) > 1
    found: dict[str, FundingPaid] = {}
    for symbol in (None,) if at_once else tuple(symbols):
        async for told in _settlements(client, symbol, max(since, 0)):
            paid = FundingPaid(
                at=int(told["timestamp"]),
                id=str(told["id"]),
                symbol=told["symbol"] if symbol is None else symbol,
                mode=mode,
                amount=decimal(told["amount"]),
            )
            found[paid.id] = paid
    wanted = [paid for paid in found.values() if paid.at >= since and paid.symbol in symbols]
    return sorted(wanted, key=lambda paid: (paid.at, paid.id))


async def _settlements(client: Client, symbol: str | None, start: Millis) -> AsyncIterator[Mapping[str, Any]]:
    while True:
        page = await client.read("fetch_funding_history", symbol, start, _PAGE, lane=Lane.BOOKS)
        for told in page:
            yield told
        if len(page) < _PAGE:
            return
        start = max(int(page[-1]["timestamp"]), start + 1)


async def prepare(client: Client, symbol: str, leverage: int, margin: MarginMode) -> None:
    """Set one-way positions, margin mode and leverage, and verify each. Raises ``NotPossible``.

    An account whose assets stand for each other's losses is left as it is, and refused.
    """
    can = _can(client)
    if await shares_margin(client):
        raise NotPossible(f"{symbol}: the account is in multi-assets mode; bots trade in single-asset mode alone")
    await _one_way(client, symbol, can)
    if can.margin_mode:
        await _set(client, f"{margin.value} margin", "set_margin_mode", margin.value, symbol)
    await _set(client, f"leverage {leverage}", "set_leverage", leverage, symbol)
    if client.ccxt.has.get("fetchLeverages"):
        told = (await client.read("fetch_leverages", [symbol], lane=Lane.GRID)).get(symbol, {})
    elif client.ccxt.has.get("fetchLeverage"):
        told = await client.read("fetch_leverage", symbol, lane=Lane.GRID)
    else:
        return
    found = {int(decimal(told.get(side))) for side in ("longLeverage", "shortLeverage")}
    if found != {leverage}:
        raise NotPossible(f"{symbol}: leverage is {sorted(found)} and not {leverage}")
    if told.get("marginMode") not in {None, margin.value}:
        raise NotPossible(f"{symbol}: margin is {told['marginMode']} and not {margin.value}")


async def shares_margin(client: Client) -> bool:
    """Return whether other assets stand for the losses of a perpetual; False where an exchange does not tell.

    Bots do not trade on such an account: where a position ends is beyond what they reckon with, and what it loses may
    be taken from what others hold. It is not turned off for them, for other positions may live on it.
    """
    asks = client.quirks.shared_margin
    return asks is not None and await client.read(partial(asks), lane=Lane.GRID, name="shared_margin")


async def _one_way(client: Client, symbol: str, can: Capabilities) -> None:
    if not can.position_mode:
        return
    asks = bool(client.ccxt.has.get("fetchPositionMode"))
    if asks and not (await client.read("fetch_position_mode", symbol, lane=Lane.GRID)).get("hedged"):
        return
    await _set(client, "one-way positions", "set_position_mode", False, symbol)
    if asks and (await client.read("fetch_position_mode", symbol, lane=Lane.GRID)).get("hedged"):
        raise NotPossible(f"{symbol}: the account keeps long and short positions apart")


async def _set(client: Client, what: str, call: str, value: object, symbol: str) -> None:
    try:
        await client.change(call, value, symbol, lane=Lane.GRID)
    except AlreadyThere:
        return
    except (Refused, Unauthorised) as fault:
        raise NotPossible(f"{symbol}: {what}: {fault}") from fault


async def hold_alive(client: Client, symbol: str, seconds: int) -> None:
    """Have the exchange cancel all orders of a market unless told again within ``seconds``, where it can."""
    if client.quirks.count_down is not None:
        work = client.quirks.count_down
        await client.change(
            lambda exchange: work(exchange, symbol, seconds * 1000), lane=Lane.CANCEL, name="count_down"
        )


async def transfer(client: Client, asset: str, amount: Decimal, source: MarketKind, target: MarketKind) -> str:
    """Move money between the wallets and return the exchange's id of it. Raises ``NotPossible``."""
    names = [client.quirks.part(kind).wallet for kind in (source, target)]
    if not _can(client).transfer or not all(names) or source is target:
        raise NotPossible(f"{client.name} moves nothing from {source.value} to {target.value}")
    if amount <= ZERO:
        raise NotPossible(f"{plain(amount)} {asset} is nothing to move")
    try:
        done = await client.change("transfer", asset, plain(amount), *names, lane=Lane.DATA)
    except (Refused, Unauthorised) as fault:
        raise NotPossible(str(fault)) from fault
    return str(done["id"])


async def rights(client: Client, mode: Mode) -> Rights:
    """Return what the key may do; what an exchange does not tell counts as allowed, its address binding as missing."""
    told = KeyRights()
    if client.quirks.key_rights is not None and mode is Mode.PRODUCTION:
        told = await client.read(partial(client.quirks.key_rights), name="key_rights")
    elif mode is Mode.TESTNET:
        told = KeyRights(withdraw=False, transfer=False, address_bound=False)  # nothing of worth is there
    return Rights(
        spot=told.spot is not False,
        perpetual=told.perpetual is not False,
        withdraw=told.withdraw is not False,
        transfer=told.transfer is not False,
        bound_to_address=told.address_bound is True,
    )


def _can(client: Client) -> Capabilities:
    return capabilities(client.ccxt, client.kind)
