"""The wallet calls below ``/sapi``: what a key may do, transfers between the products, coins and fees."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

from tests.servers.binance.limits import Limits
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Rest
from tests.servers.binance.spot import Spot
from tests.servers.binance.words import Json, Refusal, eight

_TRANSFERS = {"MAIN_UMFUTURE": ("spot", "futures"), "UMFUTURE_MAIN": ("futures", "spot")}


Purse = Callable[[str, Decimal, str], None]
"""Brings an amount of an asset to an account, or takes it away when negative; refuses what is not there."""


class Wallet:
    """The account above the products."""

    def __init__(self, spot: Spot, rest: Rest, limits: Limits, now: Callable[[], int]) -> None:
        self.purses: dict[str, Purse] = {"spot": spot.deposit}
        self.transfers: list[tuple[str, Json]] = []
        """Account and row of every transfer."""
        self.maintenance = False
        self._spot = spot
        self._now = now
        self._numbers = count(100_000_000_001)
        add = partial(rest.add, limits=limits, right="read")
        page = {"startTime", "endTime", "current", "size", "fromSymbol", "toSymbol"}
        add("GET", "/sapi/v1/account/apiRestrictions", self.restrictions)
        add("GET", "/sapi/v1/account/status", lambda call: {"data": "Normal"})
        add("GET", "/sapi/v1/account/apiTradingStatus", self.trading_status)
        add("GET", "/sapi/v1/asset/tradeFee", self.fees, may={"symbol"})
        add("GET", "/sapi/v1/asset/transfer", self.history, needs={"type"}, may=page)
        add("GET", "/sapi/v1/capital/config/getall", self.coins, weight=10)
        add("GET", "/sapi/v1/bnbBurn", self.burning)
        for path in ("margin/allPairs", "margin/isolated/allPairs"):
            add("GET", f"/sapi/v1/{path}", lambda call: [], may={"symbol"})
        needs, isolated = {"type", "asset", "amount"}, {"fromSymbol", "toSymbol"}
        add("POST", "/sapi/v1/asset/transfer", self.transfer, right="transfer", needs=needs, may=isolated)
        rest.add("GET", "/sapi/v1/system/status", self.status, limits)

    def restrictions(self, call: Call) -> Json:
        """Tell what the key may do."""
        key = call.key
        assert key is not None, "a signed call has a key"
        rights = key.rights
        return {
            "ipRestrict": key.restricted,
            "createTime": 1_600_000_000_000,
            "enableReading": "read" in rights,
            "enableWithdrawals": "withdraw" in rights,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": "futures" in rights,
            "permitsUniversalTransfer": "transfer" in rights,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": "spot" in rights,
            "enablePortfolioMarginTrading": False,
        }

    def trading_status(self, call: Call) -> Json:
        """Tell whether the account's trading is locked."""
        conditions = {"GCR": 150, "IFER": 150, "UFR": 300}
        locked = not self._spot.account(call.account).can_trade
        status = {"isLocked": locked, "plannedRecoverTime": 0, "triggerCondition": conditions, "updateTime": 0}
        return {"data": status}

    def status(self, call: Call) -> Json:
        """Tell whether the exchange is open."""
        return {"status": 1, "msg": "system_maintenance"} if self.maintenance else {"status": 0, "msg": "normal"}

    def fees(self, call: Call) -> list[Json]:
        """Tell the fee rates of one market or of all."""
        account = self._spot.account(call.account)
        rates = {"makerCommission": f"{account.maker}", "takerCommission": f"{account.taker}"}
        symbols = [self._spot.market(call.text("symbol")).spec.symbol] if "symbol" in call else self._spot.markets
        return [{"symbol": symbol, **rates} for symbol in symbols]

    def burning(self, call: Call) -> Json:
        """Tell whether fees are taken in BNB."""
        return {"spotBNBBurn": self._spot.account(call.account).burns_bnb, "interestBNBBurn": False}

    def coins(self, call: Call) -> list[Json]:
        """Tell the coins of the account."""
        ledger = self._spot.account(call.account).ledger
        specs = [market.spec for market in self._spot.markets.values()]
        assets = sorted({asset for spec in specs for asset in (spec.base, spec.quote)})
        flags = {"depositAllEnable": True, "withdrawAllEnable": True, "trading": True, "isLegalMoney": False}
        none = {name: "0" for name in ("freeze", "ipoable", "ipoing", "storage", "withdrawing")}
        return [
            {
                "coin": asset,
                "name": asset,
                **flags,
                **none,
                "free": eight(ledger.free(asset)),
                "locked": eight(ledger.balances[asset].locked),
                "networkList": [],
            }
            for asset in assets
        ]

    def transfer(self, call: Call) -> Json:
        """Bring money from one product to the other."""
        kind = call.choice("type", _TRANSFERS)
        source, target = (self._purse(name) for name in _TRANSFERS[kind])
        asset, amount = call.text("asset"), call.decimal("amount")
        source(asset, -amount, call.account)
        target(asset, amount, call.account)
        number = next(self._numbers)
        row = {"asset": asset, "amount": f"{amount}", "type": kind, "status": "CONFIRMED", "tranId": number}
        self.transfers.append((call.account, {**row, "timestamp": self._now()}))
        return {"tranId": number}

    def history(self, call: Call) -> Json:
        """Tell the transfers of one kind."""
        kind = call.choice("type", _TRANSFERS)
        since, until = call.integer("startTime", 0), call.integer("endTime", 1 << 62)
        page, size = call.integer("current", 1, least=1), call.integer("size", 10, least=1, most=100)
        rows: list[Any] = [
            row
            for account, row in reversed(self.transfers)
            if account == call.account and row["type"] == kind and since <= row["timestamp"] <= until
        ]
        return {"total": len(rows), "rows": rows[(page - 1) * size : page * size]}

    def _purse(self, name: str) -> Purse:
        if name not in self.purses:
            raise Refusal(-5011, "future account not exists.")
        return self.purses[name]
