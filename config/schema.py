"""The whole of the settings, as one frozen value; `default.yaml` says what each means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict

from config.agents import AiAgent, Coordinator, DataAgent, RiskAgent, RlAgent, SentimentAgent, SentimentAnalysis
from config.kinds import Market, Section
from config.service import Alerts, Cache, Chat, Logging, Scheduler, Storage
from config.trading import Api, Exchange, Grid, PairSelection, Paper, RiskManagement, Trading


def _mode(value: object) -> object:
    name = value.lower() if isinstance(value, str) else value
    return "testnet" if name == "test" else name


OperationMode = Annotated[Literal["shadow", "testnet", "production"], BeforeValidator(_mode)]
"""Where new bots start; `Shadow`, `Test` and `Production` are read too."""


class Settings(Section):
    """Everything the operator decides, secrets excepted."""

    model_config = ConfigDict(defer_build=False)

    operation_mode: OperationMode = "shadow"
    api: Api = Api()
    exchange: Exchange = Exchange()
    default_market_type: Market = "spot"
    grid: Grid = Grid()
    trading: Trading = Trading()
    pair_selection: PairSelection = PairSelection()
    risk_management: RiskManagement = RiskManagement()
    paper: Paper = Paper()
    rl_agent: RlAgent = RlAgent()
    sentiment_analysis: SentimentAnalysis = SentimentAnalysis()
    ai_agent: AiAgent = AiAgent()
    coordinator: Coordinator = Coordinator()
    data_agent: DataAgent = DataAgent()
    sentiment_agent: SentimentAgent = SentimentAgent()
    risk_agent: RiskAgent = RiskAgent()
    chat: Chat = Chat()
    alerts: Alerts = Alerts()
    scheduler: Scheduler = Scheduler()
    storage: Storage = Storage()
    cache: Cache = Cache()
    logging: Logging = Logging()
