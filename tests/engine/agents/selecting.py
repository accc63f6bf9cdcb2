"""The pair selector as tests want it, and looking until it speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from config.trading import PairSelection
from data.advice import Advice
from data.market import MarketKind
from data.values import Millis
from engine.agents.pairs import PairsAgent, Sentiment
from tests.engine.agents.bazaar import HOUR, NOW, BazaarDesk

D = Decimal
WANTED = PairSelection.model_validate(
    {
        "min_volume_usd_24h": 1_000_000, "min_atr_perc_24h": 1, "max_adx": 30, "blacklist": ["BANUSDT"],
        "spot_pairs": {"min_liquidity_depth": 100_000, "preferred_symbols": []},
    }
)  # fmt: skip
DAY = 24 * HOUR
Open = Callable[..., BazaarDesk]


def selector(
    wanted: PairSelection = WANTED, *, capital: str = "8", most_pairs: int = 5, sentiment: Sentiment | None = None,
    kinds: Sequence[MarketKind] = (MarketKind.SPOT,), least_order: str = "0", least_sentiment: str | None = None,
) -> PairsAgent:  # fmt: skip
    return PairsAgent(
        wanted, kinds=kinds, quote="USDT", capital=D(capital), most_pairs=most_pairs, least_order=D(least_order),
        sentiment=sentiment, least_sentiment=None if least_sentiment is None else D(least_sentiment),
    )  # fmt: skip


async def looks(agent: PairsAgent, desk: BazaarDesk, at: Millis = NOW, count: int = 12) -> list[Advice]:
    """Let the agent look every half minute until it speaks or a round must be over."""
    for look in range(count):
        said = await agent.advise(desk, at + look * 30_000)
        if said:
            return list(said)
    return []
