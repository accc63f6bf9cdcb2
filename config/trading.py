"""Settings of the trading itself: exchange, grid, pairs, risk and simulated money."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.kinds import (
    Address,
    BasisPoints,
    Count,
    EnvName,
    Fraction,
    Hours,
    Leverage,
    Market,
    Minutes,
    Money,
    Percent,
    PositionSide,
    Positive,
    Ratio,
    Seconds,
    Section,
    Text,
)

BotMode = Literal["shadow", "testnet", "production"]
"""Where the orders of a bot go."""
Levels = Annotated[Positive, Field(ge=2, le=1000)]
"""Price lines of a grid."""
HUNDRED = Decimal(100)


class Api(Section):
    """Where the exchange keys are found: names of environment variables, never the keys."""

    key: EnvName = "${BINANCE_API_KEY}"
    secret: EnvName = "${BINANCE_API_SECRET}"  # noqa: S105 - a name
    testnet_key: EnvName = "${BINANCE_TESTNET_API_KEY}"
    testnet_secret: EnvName = "${BINANCE_TESTNET_API_SECRET}"  # noqa: S105 - a name


class Exchange(Section):
    """Which exchange, and how to reach it."""

    name: Text = "binance"
    supported_markets: tuple[Market, ...] = ("futures", "spot")
    quote: Text = "USDT"
    request_timeout_seconds: Seconds = 10
    dead_man_seconds: Count = 0
    order_socket: bool = True
    urls: dict[str, Address] = {}
    candles: Text | None = None
    candles_symbol: Text = "BTC/USDT"


class SpotGrid(Section):
    """Grids on spot markets."""

    max_base_asset_allocation: Fraction = Decimal("0.5")
    min_order_size_usd: Money = Decimal(10)


class FuturesGrid(Section):
    """Grids on perpetual futures."""

    leverage: Leverage = 1
    position_side: PositionSide = "BOTH"
    use_isolated_margin: bool = False


class Grid(Section):
    """What a new grid looks like when the person leaves something out."""

    initial_levels: Levels = 10
    initial_spacing_perc: Annotated[Fraction, Field(gt=0)] = Decimal("0.005")
    leverage: Leverage = 1
    spot: SpotGrid = SpotGrid()
    futures: FuturesGrid = FuturesGrid()


class MarketAllocation(Section):
    """How capital is divided between the kinds of market."""

    futures_percentage: Percent = Decimal(60)
    spot_percentage: Percent = Decimal(40)

    @model_validator(mode="after")
    def _whole(self) -> MarketAllocation:
        if self.futures_percentage + self.spot_percentage > HUNDRED:
            raise ValueError("futures_percentage and spot_percentage that together are at most 100")
        return self


class Trading(Section):
    """How much is traded at once."""

    allow_market_switching: bool = True
    capital_per_pair_usd: Money = Decimal(8)
    cycle_interval_seconds: Seconds = 60
    max_concurrent_pairs: Positive = 2
    market_allocation: MarketAllocation = MarketAllocation()
    market_switch_cooldown_minutes: Minutes = 30


class SpotPairs(Section):
    """Which spot markets qualify."""

    min_liquidity_depth: Money = Decimal(1_000_000)
    preferred_symbols: tuple[Text, ...] = ("BTCUSDT", "ETHUSDT", "BNBUSDT")


class FuturesPairs(Section):
    """Which futures markets qualify."""

    min_open_interest_usd: Money = Decimal(50_000_000)
    preferred_symbols: tuple[Text, ...] = ("BTCUSDT", "ETHUSDT", "ADAUSDT")


class PairOpening(Section):
    """Which proposals may be started by themselves."""

    enabled: bool = False
    most_bots: Positive = 1
    most_investment: Money = Decimal(50)
    mode: BotMode = "shadow"


class PairSelection(Section):
    """Which markets are worth a grid."""

    enabled: bool = False
    min_volume_usd_24h: Money = Decimal(100_000_000)
    min_atr_perc_24h: Percent = Decimal("2.0")
    max_adx: Percent = Decimal(25)
    max_spread_perc: Percent = Decimal("0.1")
    update_interval_hours: Hours = 6
    blacklist: tuple[Text, ...] = ()
    spot_pairs: SpotPairs = SpotPairs()
    futures_pairs: FuturesPairs = FuturesPairs()
    open: PairOpening = PairOpening()


class SpotRisk(Section):
    """Limits of the spot account."""

    max_asset_allocation_perc: Percent = Decimal("70.0")
    min_stable_balance_perc: Percent = Decimal("30.0")


class FuturesRisk(Section):
    """Limits of the futures account."""

    max_leverage: Leverage = 20
    max_position_size_perc: Percent = Decimal("50.0")
    liquidation_buffer_perc: Percent = Decimal("15.0")


class RiskManagement(Section):
    """The limits every order is held against."""

    max_drawdown_perc: Percent = Decimal("10.0")
    max_daily_loss_perc: Percent = Decimal("5.0")
    max_order_notional: Money = Decimal(1000)
    max_total_exposure: Money = Decimal(10_000)
    max_bots: Positive = 10
    max_open_orders: Positive = 500
    max_orders_per_minute: Positive = 60
    price_band_perc: Percent = Decimal(80)
    stale_data_seconds: Seconds = 30
    max_clock_skew_milliseconds: Positive = 1000
    tp_sl_ratio: Ratio = Decimal("3.0")
    loss_protection_trigger_perc: Percent = Decimal("15.0")
    dynamic_sl_profit_lock_perc: Percent = Decimal("80.0")
    api_failure_timeout_minutes: Minutes = 5
    spot_risk: SpotRisk = SpotRisk()
    futures_risk: FuturesRisk = FuturesRisk()


class PaperFees(Section):
    """What the simulated exchange charges, where the real market's fees are not known."""

    maker: Fraction = Decimal("0.001")
    taker: Fraction = Decimal("0.001")


class Paper(Section):
    """The simulated exchange of the shadow mode."""

    initial_balances: dict[str, Money] = {"USDT": Decimal(10_000)}
    initial_futures_balances: dict[str, Money] = {"USDT": Decimal(10_000)}
    maker_queue_haircut: Fraction = Decimal("0.5")
    slippage_bps: BasisPoints = Decimal(2)
    latency_ms: Count = 100
    fees: PaperFees = PaperFees()
