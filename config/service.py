"""Settings of the running service: chat, alerts, logs, jobs, storage and cache."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import field_validator

from config.kinds import (
    Address,
    Count,
    Hours,
    Level,
    Percent,
    Positive,
    Seconds,
    Section,
    Switch,
    Text,
    TimeOfDay,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

    from config.agents import DataAgent

MEGABYTE = 1_000_000


class ChatSurface(Section):
    """A chat that is on, off, or on exactly when its token is there."""

    enabled: Switch = "auto"

    def is_on(self, token: SecretStr | None) -> bool:
        """Say whether to start this chat, given its token."""
        return token is not None if self.enabled == "auto" else self.enabled


class Telegram(ChatSurface):
    """Telegram."""

    base_url: Address | None = None
    base_file_url: Address | None = None


class Discord(ChatSurface):
    """Discord."""

    api_base_url: Address | None = None


class Console(Section):
    """The terminal as a chat."""

    enabled: bool = True
    colour: Switch = "auto"


class Chat(Section):
    """Where and how people are spoken to."""

    telegram: Telegram = Telegram()
    discord: Discord = Discord()
    console: Console = Console()
    locale: Text = "en"
    time_zone: Text = "UTC"
    plan_expiry_seconds: Seconds = 120
    price_tolerance_perc: Percent = Decimal("0.5")
    max_age_seconds: Seconds = 300

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("a time zone such as Europe/Lisbon") from error
        return value

    @property
    def zone(self) -> tzinfo:
        """Return the time zone people read times in."""
        return ZoneInfo(self.time_zone)

    @property
    def plan_expiry(self) -> timedelta:
        """Return how long a plan may be confirmed."""
        return timedelta(seconds=self.plan_expiry_seconds)


class Alerts(Section):
    """What is pushed unasked."""

    enabled: bool = True
    market_switch_alerts: bool = True
    performance_comparison_alerts: bool = True


class Logging(Section):
    """What is written down about the program itself."""

    level: Level = "INFO"
    log_to_console: bool = True
    log_file: Text = "logs/bot.log"
    trade_log_file: Text = "logs/trades.csv"
    market_performance_log: Text = "logs/market_performance.csv"
    max_file_mb: Positive = 10
    files_kept: Count = 5


class Scheduler(Section):
    """How often things happen by themselves."""

    reconcile_seconds: Seconds = 300
    equity_snapshot_seconds: Seconds = 300
    heartbeat_seconds: Seconds = 10
    price_poll_seconds: Seconds = 5
    digest_time: TimeOfDay = "08:00"
    housekeeping_time: TimeOfDay = "03:30"
    shutdown_grace_seconds: Seconds = 20


class Storage(Section):
    """How the books are kept."""

    backups_to_keep: Count = 7
    backup_interval_hours: Hours = 24
    keep_delivered_messages_days: Positive = 30
    vacuum_interval_hours: Hours = 168


class MarketMemory(NamedTuple):
    """What is kept of markets in memory, as every setting about it together says."""

    most_bytes: int
    longest_millis: int
    """No answer of the exchange is served from memory when it is older."""
    prefetch: bool
    compress: bool


class Cache(Section):
    """What is kept in memory to ask the exchange less."""

    max_size_mb: Positive = 100
    default_ttl: Seconds = 300
    enable_prefetching: bool = True
    enable_compression: bool = True

    def memory(self, agent: DataAgent) -> MarketMemory:
        """Return what holds with what ``data_agent`` says of the same: the smaller size, and both must want to ask."""
        size = self.max_size_mb if agent.cache_size_mb is None else min(self.max_size_mb, agent.cache_size_mb)
        return MarketMemory(
            most_bytes=size * MEGABYTE,
            longest_millis=self.default_ttl * 1000,
            prefetch=self.enable_prefetching and agent.prefetch_enabled,
            compress=self.enable_compression,
        )
