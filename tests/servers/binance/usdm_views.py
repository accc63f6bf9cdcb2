"""A futures account as its REST calls tell it."""

from __future__ import annotations

from decimal import Decimal

from tests.servers.binance.usdm_account import Account, Position, coins
from tests.servers.binance.usdm_contracts import Contract
from tests.servers.binance.usdm_words import digits, size
from tests.servers.binance.words import ZERO, Json


def _asset(account: Account) -> Json:
    open_margin = sum((position.initial - position.held for position in account.positions.values()), ZERO)
    return {
        "asset": account.asset,
        "walletBalance": coins(account.wallet),
        "unrealizedProfit": coins(account.profit),
        "marginBalance": coins(account.wallet + account.profit),
        "maintMargin": coins(account.maintenance),
        "initialMargin": coins(account.initial),
        "positionInitialMargin": coins(account.initial - open_margin),
        "openOrderInitialMargin": coins(open_margin),
        "crossWalletBalance": coins(account.cross),
        "crossUnPnl": coins(account.cross_profit),
        "availableBalance": coins(account.available),
        "maxWithdrawAmount": coins(account.withdrawable),
        "marginAvailable": True,
        "updateTime": account.updated,
    }


def balance_json(account: Account) -> Json:
    """Return the wallet as ``balance`` tells it."""
    asset = _asset(account)
    names = ("asset", "crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount", "updateTime")
    told = {name: asset[name] for name in names}
    return {"accountAlias": "Lb", "balance": asset["walletBalance"], "marginAvailable": True} | told


def account_json(account: Account, *, everything: bool) -> Json:
    """Return the account; the older version tells every market, the newer only what is open."""
    asset, shown = _asset(account), account.positions.values()
    told: Json = {
        "totalInitialMargin": asset["initialMargin"],
        "totalMaintMargin": asset["maintMargin"],
        "totalWalletBalance": asset["walletBalance"],
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "totalMarginBalance": asset["marginBalance"],
        "totalPositionInitialMargin": asset["positionInitialMargin"],
        "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
        "totalCrossWalletBalance": asset["crossWalletBalance"],
        "totalCrossUnPnl": asset["crossUnPnl"],
        "availableBalance": asset["availableBalance"],
        "maxWithdrawAmount": asset["maxWithdrawAmount"],
        "assets": [asset],
    }
    if everything:
        rights = {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": True}
        told = rights | {"multiAssetsMargin": account.multi} | told
        return told | {"positions": [_position_json(each) | _old_part(each) for each in shown]}
    return told | {"positions": [_position_json(each) for each in shown if each.quantity or each.bids or each.asks]}


def _position_json(position: Position) -> Json:
    return {
        "symbol": position.contract.symbol,
        "positionSide": "BOTH",
        "positionAmt": size(position.quantity, position.contract.spec),
        "unrealizedProfit": coins(position.profit),
        "isolatedMargin": coins(_isolated(position)),
        "notional": coins(position.notional),
        "isolatedWallet": coins(position.wallet),
        "initialMargin": coins(position.initial),
        "maintMargin": coins(position.maintenance),
        "updateTime": position.updated,
    }


def _old_part(position: Position) -> Json:
    return {
        "leverage": str(position.leverage),
        "isolated": position.isolated,
        "entryPrice": coins(position.entry),
        "breakEvenPrice": coins(position.entry),
        "maxNotional": f"{position.contract.allowed(position.leverage).normalize():f}",
        "positionInitialMargin": coins(position.held),
        "openOrderInitialMargin": coins(position.initial - position.held),
        "bidNotional": coins(position.bids),
        "askNotional": coins(position.asks),
    }


def risk_json(account: Account, position: Position, *, older: bool) -> Json:
    """Return a position as ``positionRisk`` tells it."""
    tick = position.contract.spec.tick
    liquidation = account.liquidation_price(position.contract.symbol)
    told: Json = {
        "symbol": position.contract.symbol,
        "positionSide": "BOTH",
        "positionAmt": size(position.quantity, position.contract.spec),
        "entryPrice": coins(position.entry),
        "breakEvenPrice": coins(position.entry),
        "markPrice": coins(position.mark),
        "unRealizedProfit": coins(position.profit),
        "liquidationPrice": f"{liquidation:.{max(8, digits(tick))}f}" if liquidation else "0",
        "isolatedMargin": coins(_isolated(position)),
        "notional": coins(position.notional),
        "isolatedWallet": coins(position.wallet),
        "updateTime": position.updated,
    }
    if older:
        return told | {
            "maxNotionalValue": f"{position.contract.allowed(position.leverage).normalize():f}",
            "marginType": "isolated" if position.isolated else "cross",
            "isAutoAddMargin": "false",
            "leverage": str(position.leverage),
        }
    return told | {
        "marginAsset": account.asset,
        "initialMargin": coins(position.initial),
        "maintMargin": coins(position.maintenance),
        "positionInitialMargin": coins(position.held),
        "openOrderInitialMargin": coins(position.initial - position.held),
        "adl": 2,
        "bidNotional": coins(position.bids),
        "askNotional": coins(position.asks),
    }


def _isolated(position: Position) -> Decimal:
    return position.wallet + position.profit if position.isolated else ZERO


def settings_json(position: Position) -> Json:
    """Return how a market is set, as ``symbolConfig`` tells it."""
    return {
        "symbol": position.contract.symbol,
        "marginType": position.margin,
        "isAutoAddMargin": False,
        "leverage": position.leverage,
        "maxNotionalValue": f"{position.contract.allowed(position.leverage).normalize():f}",
    }


def brackets_json(contract: Contract) -> Json:
    """Return the brackets of a contract."""
    return {
        "symbol": contract.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": bracket.number,
                "initialLeverage": bracket.leverage,
                "notionalCap": int(bracket.cap),
                "notionalFloor": int(bracket.floor),
                "maintMarginRatio": float(bracket.rate),
                "cum": float(bracket.deducted),
            }
            for bracket in contract.brackets
        ],
    }


def settings_event(symbol: str, leverage: int, now: int) -> Json:
    """Write ACCOUNT_CONFIG_UPDATE."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": now, "ac": {"s": symbol, "l": leverage}}
