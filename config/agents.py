"""Settings of the agents: learning, sentiment, language model and their watchers."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.kinds import (
    Address,
    Algorithm,
    Count,
    Fraction,
    Hours,
    Minutes,
    Positive,
    Score,
    Seconds,
    Section,
    Text,
    Weight,
)

Temperature = Annotated[Weight, Field(le=2)]


class RewardFunction(Section):
    """What the learning agent is rewarded for."""

    profit_weight: Weight = 1.0
    drawdown_penalty: Weight = 0.5
    inefficiency_penalty: Weight = 0.2
    market_switch_penalty: Weight = 0.1


class MarketDecision(Section):
    """Whether the learning agent may choose between spot and futures."""

    enabled: bool = True
    market_switch_reward_bonus: Weight = 0.1
    market_consistency_bonus: Weight = 0.05


class RlAgent(Section):
    """The learning agent."""

    enabled: bool = False
    algorithm: Algorithm = "PPO"
    training_frequency_steps: Positive = 1000
    retraining_trade_threshold: Positive = 100
    experience_replay_buffer_size: Positive = 10_000
    state_features: tuple[Text, ...] = ("rsi", "atr", "adx", "volume", "grid_context", "market_performance")
    reward_function: RewardFunction = RewardFunction()
    market_decision: MarketDecision = MarketDecision()


class Reddit(Section):
    """Posts and comments read for sentiment."""

    enabled: bool = True
    subreddits: tuple[Text, ...] = ("wallstreetbets", "investing", "CryptoCurrency")
    posts_limit_per_subreddit: Positive = 10
    comments_limit_per_post: Count = 5
    time_filter: Literal["hour", "day", "week", "month", "year", "all"] = "day"


class BinanceNews(Section):
    """News and announcements of the exchange read for sentiment."""

    enabled: bool = True
    fetch_interval_minutes: Minutes = 30
    hours_back: Hours = 24
    min_relevance_score: Annotated[Weight, Field(le=1)] = 0.2
    max_news_per_fetch: Positive = 20
    include_announcements: bool = True
    include_general_news: bool = True
    include_trending: bool = True


class SentimentAlerts(Section):
    """When a mood is worth a message."""

    enabled: bool = True
    positive_threshold: Score = 0.7
    negative_threshold: Score = -0.5
    alert_cooldown_minutes: Minutes = 120


class RiskAdjustment(Section):
    """How a bad mood lowers leverage."""

    enabled: bool = True
    leverage_reduction_threshold: Score = -0.5
    leverage_reduction_factor: Fraction = Decimal("0.5")


class PairFiltering(Section):
    """How a bad mood keeps a market out."""

    enabled: bool = True
    min_sentiment_for_new_pair: Score = -0.3


class RlFeature(Section):
    """Whether the learning agent sees the mood."""

    enabled: bool = True


class SentimentAnalysis(Section):
    """What people write, as a number."""

    enabled: bool = False
    fetch_interval_minutes: Minutes = 60
    smoothing_window: Positive = 10
    reddit: Reddit = Reddit()
    binance_news: BinanceNews = BinanceNews()
    alerts: SentimentAlerts = SentimentAlerts()
    risk_adjustment: RiskAdjustment = RiskAdjustment()
    pair_filtering: PairFiltering = PairFiltering()
    rl_feature: RlFeature = RlFeature()


class AiFeatures(Section):
    """What the language model is asked for."""

    market_analysis: bool = True
    grid_optimization: bool = True
    sentiment_analysis: bool = True
    decision_explanation: bool = True
    report_generation: bool = True


class AiReports(Section):
    """Which reports the language model writes."""

    daily_report: bool = True
    pair_analysis: bool = True
    performance_summary: bool = True


class ModelSettings(Section):
    """How the language model answers, where its preset does not say."""

    temperature: Temperature = 0.3
    max_tokens: Positive = 1000
    timeout_seconds: Seconds = 30


class ModelPreset(Section):
    """One language model; what is left out comes from the model settings."""

    model_name: Text
    temperature: Temperature | None = None
    max_tokens: Positive | None = None
    timeout_seconds: Seconds | None = None


class AiAgent(Section):
    """The local language model, reached through Ollama."""

    enabled: bool = False
    base_url: Address = "http://127.0.0.1:11434"
    features: AiFeatures = AiFeatures()
    analysis_interval_minutes: Minutes = 15
    optimization_interval_hours: Hours = 4
    report_generation: AiReports = AiReports()
    model_settings: ModelSettings = ModelSettings()
    preset: str = ""
    model_presets: Annotated[dict[str, ModelPreset], Field(min_length=1)] = {
        "qwen3_fast": ModelPreset(model_name="qwen3:0.6b", temperature=0.2, max_tokens=500)
    }

    @model_validator(mode="after")
    def _known(self) -> AiAgent:
        if self.preset and self.preset not in self.model_presets:
            raise ValueError(f"a preset among {', '.join(self.model_presets)}; {self.preset!r} is none of them")
        return self

    @property
    def model(self) -> ModelPreset:
        """Return the chosen preset, completed from the model settings."""
        preset = self.model_presets[self.preset or next(iter(self.model_presets))]
        own = preset.model_dump(exclude_none=True)
        return ModelPreset.model_validate(self.model_settings.model_dump() | own)


class Coordinator(Section):
    """Who watches the agents."""

    max_concurrent_operations: Positive = 20
    health_check_interval: Seconds = 30


class DataAgent(Section):
    """Who fetches market data."""

    cache_size_mb: Positive | None = None
    prefetch_enabled: bool = True
    cleanup_interval: Seconds = 300


class Source(Section):
    """One source of texts."""

    enabled: bool = False
    weight: Annotated[Weight, Field(le=1)] = 0.0


class SentimentAgent(Section):
    """How the sources of texts are weighed."""

    sources: dict[str, Source] = {
        "reddit": Source(enabled=True, weight=0.6),
        "news": Source(enabled=False, weight=0.3),
    }


class RiskAgent(Section):
    """Who watches the whole portfolio."""

    check_interval_seconds: Seconds = 30
    alert_cooldown_minutes: Minutes = 15
    max_portfolio_var: Fraction = Decimal("0.05")
