"""Futures REST on the account: balances, positions, leverage, margin and position mode, income."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from tests.servers.binance.limits import Limits
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Rest
from tests.servers.binance.usdm_account import CROSSED, ISOLATED, Account, Income, Position, coins
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.usdm_member import Member
from tests.servers.binance.usdm_views import (
    account_json,
    balance_json,
    brackets_json,
    risk_json,
    settings_event,
    settings_json,
)
from tests.servers.binance.usdm_words import account_event
from tests.servers.binance.words import Json, Refusal

_DONE = {"code": 200, "msg": "success"}
_ISOLATED_SHORT = (-4051, "Isolated balance insufficient.")


class UsdmSettings:
    """The calls below ``/fapi`` that deal with the account."""

    def __init__(self, futures: Futures, rest: Rest, limits: Limits) -> None:
        self._futures = futures
        one = {"symbol"}
        add = partial(rest.add, limits=limits, right="futures")
        add("POST", "/fapi/v1/leverage", self.set_leverage, needs={"symbol", "leverage"})
        add("POST", "/fapi/v1/marginType", self.set_margin, needs={"symbol", "marginType"})
        add(
            "POST",
            "/fapi/v1/positionMargin",
            self.move_margin,
            needs={"symbol", "amount", "type"},
            may={"positionSide"},
        )
        add("POST", "/fapi/v1/positionSide/dual", self.set_hedged, needs={"dualSidePosition"})
        add("POST", "/fapi/v1/multiAssetsMargin", self.set_multi, needs={"multiAssetsMargin"})
        add = partial(rest.add, limits=limits, right="read")
        for version in ("v2", "v3"):
            add("GET", f"/fapi/{version}/account", self.account, weight=5)
            add("GET", f"/fapi/{version}/balance", self.balance, weight=5)
            add("GET", f"/fapi/{version}/positionRisk", self.positions, may=one, weight=5)
        add("GET", "/fapi/v1/leverageBracket", self.brackets, may=one)
        add("GET", "/fapi/v1/symbolConfig", self.symbols, may=one, weight=5)
        add("GET", "/fapi/v1/accountConfig", self.configuration, weight=5)
        add("GET", "/fapi/v1/commissionRate", self.commission, needs=one, weight=20)
        add("GET", "/fapi/v1/positionSide/dual", self.hedged, weight=30)
        add("GET", "/fapi/v1/multiAssetsMargin", self.multi, weight=30)
        period = {"startTime", "endTime", "page", "limit"}
        add("GET", "/fapi/v1/income", self.income, may=one | period | {"incomeType"}, weight=30)
        add("GET", "/fapi/v1/apiTradingStatus", self.trading_status, may=one)

    # -- what there is

    def account(self, call: Call) -> Json:
        """Tell the account."""
        return account_json(self._member(call).account, everything=call.path.startswith("/fapi/v2"))

    def balance(self, call: Call) -> list[Json]:
        """Tell the wallet."""
        return [balance_json(self._member(call).account)]

    def positions(self, call: Call) -> list[Json]:
        """Tell positions: in the newer version only those with something open or resting."""
        account, older = self._member(call).account, call.path.startswith("/fapi/v2")
        shown = self._asked(call, account)
        if not older:
            shown = [each for each in shown if each.quantity or each.bids or each.asks]
        return [risk_json(account, position, older=older) for position in shown]

    def brackets(self, call: Call) -> Json | list[Json]:
        """Tell how far sizes may be leveraged."""
        if "symbol" in call:
            self._futures.market(call.text("symbol"))
            return [brackets_json(self._futures.contracts[call.text("symbol")])]
        return [brackets_json(contract) for contract in self._futures.contracts.values()]

    def symbols(self, call: Call) -> list[Json]:
        """Tell leverage and margin type of markets."""
        return [settings_json(position) for position in self._asked(call, self._member(call).account)]

    def configuration(self, call: Call) -> Json:
        """Tell what the account may do."""
        rights, member = {"canTrade": True, "canDeposit": True, "canWithdraw": True}, self._member(call)
        modes = {"dualSidePosition": member.hedged, "multiAssetsMargin": member.account.multi}
        return {"feeTier": 0, **rights, **modes}

    def commission(self, call: Call) -> Json:
        """Tell the fees."""
        member, symbol = self._member(call), self._futures.market(call.text("symbol")).spec.symbol
        rates = {"makerCommissionRate": f"{member.maker:.6f}", "takerCommissionRate": f"{member.taker:.6f}"}
        return {"symbol": symbol, **rates, "rpiCommissionRate": "0.000050"}

    def hedged(self, call: Call) -> Json:
        """Tell the position mode."""
        return {"dualSidePosition": self._member(call).hedged}

    def multi(self, call: Call) -> Json:
        """Tell the asset mode."""
        return {"multiAssetsMargin": self._member(call).account.multi}

    def income(self, call: Call) -> list[Json]:
        """Tell what changed the wallet."""
        since, until = call.integer("startTime", 0), call.integer("endTime", 1 << 62)
        limit, page = call.integer("limit", 100, least=1, most=1_000), call.integer("page", 1, least=1)
        kind, symbol = call.text("incomeType", ""), call.text("symbol", "")
        rows = [row for row in self._member(call).account.incomes if since <= row.time <= until]
        rows = [row for row in rows if kind in {"", row.kind} and symbol in {"", row.symbol}]
        if "startTime" not in call and "page" not in call:
            return [_income_json(row) for row in rows[-limit:]]
        return [_income_json(row) for row in rows[(page - 1) * limit : page * limit]]

    def trading_status(self, call: Call) -> Json:
        """Tell that nothing is restricted."""
        return {"indicators": {}, "updateTime": self._futures.now()}

    # -- what may be changed

    def set_leverage(self, call: Call) -> Json:
        """Change the leverage of a market."""
        symbol = self._futures.market(call.text("symbol")).spec.symbol
        leverage, member = call.integer("leverage"), self._member(call)
        position = member.account.positions[symbol]
        if not 1 <= leverage <= position.contract.most_leverage:
            raise Refusal(-4028, f"Leverage {leverage} is not valid")
        if position.isolated and position.quantity and leverage < position.leverage:
            raise Refusal(-4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions.")
        allowed = position.contract.allowed(leverage)
        if position.demand(position.bids, position.asks) > allowed:
            raise Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")
        before, position.leverage = position.leverage, leverage
        if leverage < before and not member.account.solvent:
            position.leverage = before
            raise Refusal(-2019, "Margin is insufficient.")
        self._futures.on_user(member.name, settings_event(symbol, leverage, self._futures.now()))
        return {"symbol": symbol, "leverage": leverage, "maxNotionalValue": f"{allowed.normalize():f}"}

    def set_margin(self, call: Call) -> Json:
        """Change between cross and isolated margin."""
        symbol = self._futures.market(call.text("symbol")).spec.symbol
        margin, member = call.choice("marginType", (CROSSED, ISOLATED)), self._member(call)
        position = member.account.positions[symbol]
        if member.account.multi and margin == ISOLATED:
            raise Refusal(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")
        if position.margin == margin:
            raise Refusal(-4046, "No need to change margin type.")
        if any(member.open_orders(symbol)) or any(member.waiting(symbol)):
            raise Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
        if position.quantity:
            raise Refusal(-4048, "Margin type cannot be changed if there exists position.")
        position.margin = margin
        return dict(_DONE)

    def move_margin(self, call: Call) -> Json:
        """Add margin to an isolated position, or take some away."""
        symbol = self._futures.market(call.text("symbol")).spec.symbol
        amount, kind, member = call.decimal("amount"), call.integer("type", least=1, most=2), self._member(call)
        position = member.account.positions[symbol]
        if not position.isolated or not position.quantity:
            raise Refusal(-4054, "Cannot add position margin: position is 0.")
        if not member.account.move_margin(symbol, amount if kind == 1 else -amount):
            raise Refusal(*((-4050, "Cross balance insufficient.") if kind == 1 else _ISOLATED_SHORT))
        event = account_event(member.account, "MARGIN_TRANSFER", [symbol], self._futures.now())
        self._futures.on_user(member.name, event)
        return {"amount": float(amount), "code": 200, "msg": "Successfully modify position margin.", "type": kind}

    def set_hedged(self, call: Call) -> Json:
        """Change the position mode of the account."""
        member, hedged = self._member(call), call.flag("dualSidePosition")
        if member.hedged == hedged:
            raise Refusal(-4059, "No need to change position side.")
        if any(member.open_orders()) or any(member.waiting()):
            raise Refusal(-4067, "Position side cannot be changed if there exists open orders.")
        if any(position.quantity for position in member.account.positions.values()):
            raise Refusal(-4068, "Position side cannot be changed if there exists position.")
        member.hedged = hedged
        return dict(_DONE)

    def set_multi(self, call: Call) -> Json:
        """Change the asset mode of the account."""
        account, multi = self._member(call).account, call.flag("multiAssetsMargin")
        if account.multi == multi:
            raise Refusal(-4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.")
        if multi and any(position.isolated for position in account.positions.values()):
            raise Refusal(-4167, "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated.")
        account.multi = multi
        return dict(_DONE)

    def _member(self, call: Call) -> Member:
        self._futures.pass_time()
        return self._futures.member(call.account)

    def _asked(self, call: Call, account: Account) -> Iterable[Position]:
        if "symbol" not in call:
            return account.positions.values()
        return [account.positions[self._futures.market(call.text("symbol")).spec.symbol]]


def _income_json(row: Income) -> Json:
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": coins(row.amount),
        "asset": row.asset,
        "time": row.time,
        "info": row.kind if row.kind == "TRANSFER" else row.trade or row.kind,
        "tranId": row.number,
        "tradeId": row.trade,
    }
