"""The adapters with simulated fills behind the same handle, on perpetuals."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import msgspec

from data.grids import MarginMode
from data.market import Fees, MarketKind
from data.values import ZERO, Side
from engine.exchanges.tiers import LARGEST
from tests.contracts.venues import BALANCES, PaperVenue, ReplayedVenue, SimulatedVenue, Trade, Venue, name_of
from tests.servers.binance.market import Market


class OnMargin(Venue):
    """An account in the wallet of perpetuals that borrows nothing."""

    kind = MarketKind.PERPETUAL
    symbol = "BTC/USDT:USDT"
    other: str | None = "ETH/USDT:USDT"
    fees = Fees(maker=Decimal("0.0002"), taker=Decimal("0.0005"))
    too_much = MappingProxyType({Side.BUY: "1500", Side.SELL: "1500"})
    distance = Decimal("0.04")

    async def start(self) -> None:
        await super().start()
        await self.exchange.prepare(self.symbol, 1, MarginMode.CROSS)

    async def check_account(self, *trades: Trade, locked: Decimal = ZERO) -> None:
        """Assert wallet and position; what is locked beside a position is the exchange's own affair."""
        quantity = sum((trade.side.sign * trade.quantity for trade in trades), ZERO)
        costs = sum((self.fee(trade)[0] for trade in trades), ZERO)
        costs -= sum((paid.amount for paid in await self.exchange.funding([self.symbol], 0)), ZERO)
        held = [each for each in await self.exchange.balances() if each.wallet is MarketKind.PERPETUAL]
        (balance,) = held
        assert (balance.asset, balance.total) == ("USDT", BALANCES["USDT"] - costs)
        assert bool(balance.locked) is bool(locked or quantity)
        if not quantity:
            assert balance.locked == locked
        assert [each.quantity for each in await self.exchange.positions()] == ([quantity] if quantity else [])


class SimulatedPerpetualVenue(OnMargin, SimulatedVenue):
    """An invented perpetual."""

    LISTINGS = tuple(msgspec.structs.replace(listing, tiers=LARGEST) for listing in SimulatedVenue.LISTINGS)


class PaperPerpetualVenue(OnMargin, PaperVenue):
    """Live data of futures."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for market in ("BTCUSDT", "ETHUSDT"):
            contract = self.server.usdm.contracts[market]
            spec = contract.spec
            spec.step = spec.min_quantity = Decimal("0.0001")
            spec.tick, spec.min_notional, spec.max_quantity = Decimal("0.01"), Decimal(5), Decimal(9000)
            self.server.usdm.list(contract, "100.00", "100.01")

    @property
    def market(self) -> Market:
        return self.server.perpetual("BTCUSDT")

    def move(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        self.server.usdm.move(name_of(symbol), bid, ask)

    async def subscribed(self, stream: str) -> None:
        await self.server.usdm.streams.subscribed(stream)


class ReplayedPerpetualVenue(OnMargin, ReplayedVenue):
    """Recorded minutes of a perpetual."""

    other = None
    LISTING = SimulatedPerpetualVenue.LISTINGS[0]


PERPETUAL_VENUES: dict[str, type[Venue]] = {
    "simulated perpetual": SimulatedPerpetualVenue,
    "paper perpetual": PaperPerpetualVenue,
    "replayed perpetual": ReplayedPerpetualVenue,
}
