"""One account the engine trades on: its exchange, its orders on their way out, and whether it can be reached."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from data.events import OrderUpdate
from data.values import Millis, Mode
from engine.accounts.execution import Execution
from engine.accounts.statement import Statement
from engine.clock import Clock
from engine.exchanges.base import Exchange


class NoAccount(Exception):
    """No account of this engine trades in the mode asked for."""

    def __init__(self, mode: Mode) -> None:
        """Name the mode."""
        super().__init__(f"this engine has no account for {mode} bots")
        self.mode = mode


class Account:
    """What the engine keeps beside an exchange. Nothing of it is durable: a start finds all of it out again."""

    def __init__(
        self, exchange: Exchange, post: Callable[[OrderUpdate], None], clock: Clock, per_minute: int | None = None
    ) -> None:
        """Keep ``exchange`` for the bots of its mode; ``post`` puts an event into the engine's inbox.

        ``per_minute`` is how many grid orders may leave; None is no limit.
        """
        self.exchange = exchange
        self.execution = Execution(exchange, post, clock, per_minute)
        self.statement = Statement(exchange, clock)
        self.connected = False
        """Whether the last reconciling reached the exchange."""
        self.reconciled_at: Millis | None = None
        self.interrupted = asyncio.Event()
        """Set when something may have gone untold: the books want comparing soon."""
        self.comparing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By symbol: one comparison of a market at a time."""
        self.opened = False
        """Whether its exchange was ever connected: until then no order updates come from there."""
        self.looked_at: dict[str, Millis] = {}
        """By symbol: when fills were last asked for; before that, the newest fill the journal knew at the start."""
        self.prepared: set[str] = set()
        """Perpetual markets whose leverage and margin mode were set since the start."""
        self.funded_at: dict[str, Millis] = {}
        """Up to when funding is known from answers, by symbol."""
        self.held_alive: set[str] = set()
        """Markets on which a countdown of the exchange runs."""
        self.unanswered = False
        """Whether the last comparison missed a market that did not answer."""
        self.differs_since: dict[str, tuple[dict[str, str], Millis]] = {}
        """By symbol: how what is held differs from the books, and when that was first found."""
        self.vain_looks: dict[str, int] = {}
        """By client id: how often the trades of an order reported as filled were looked for and not found."""

    @property
    def mode(self) -> Mode:
        """Return which bots it serves."""
        return self.exchange.mode

    @property
    def name(self) -> str:
        """Return how logs and people call it."""
        return f"{self.exchange.name} {self.mode}"
