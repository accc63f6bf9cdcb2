"""Request weight and order counts, with the headers that tell them, 429 on breach and 418 for who goes on."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from tests.servers.binance.words import Refusal

MINUTE = 60_000
TOLD = "MBX-USED"
"""How headers begin that tell the weight used."""
_LONG = {"SECOND": 1_000, "MINUTE": MINUTE, "DAY": 1_440 * MINUTE}


class Throttled(Refusal):
    """A refusal that says when to come back: REST after how many seconds, the WebSocket API at which millisecond."""

    def __init__(self, code: int, message: str, status: int, seconds: int, until: int) -> None:
        super().__init__(code, message, status)
        self.seconds = seconds
        self.until = until


class Limits:
    """The limits of one product; tests set the numbers."""

    def __init__(
        self, now: Callable[[], int], weight: int, orders: dict[tuple[str, int], int], prefix: str = TOLD
    ) -> None:
        self.weight = weight
        """What may be used in a minute."""
        self.orders = orders
        """Orders per account in ``(interval, number of intervals)``."""
        self.patience = 5
        """How many calls after the breach of a minute lead to a ban."""
        self.ban_seconds = 120
        self.banned_until = 0
        self.used = 0
        self.calls = 0
        """All weight ever used and all calls ever made are counted here and in ``spent``."""
        self.spent = 0
        self._now = now
        self._prefix = prefix
        self._minute = 0
        self._ignored = 0
        self._placed: defaultdict[tuple[str, str, int], deque[int]] = defaultdict(deque)

    def use(self, weight: int) -> None:
        """Count a request, or refuse it."""
        now = self._now()
        if now // MINUTE != self._minute:
            self._minute, self.used, self._ignored = now // MINUTE, 0, 0
        self.calls += 1
        self.spent += weight
        self.used += weight
        if now < self.banned_until:
            self._ban(now)
        if self.used > self.weight:
            self._ignored += 1
            if self._ignored > self.patience:
                self.banned_until = now + 1_000 * self.ban_seconds
                self._ban(now)
            raise Throttled(
                -1003,
                f"Too much request weight used; current limit is {self.weight} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API.",
                429,
                MINUTE // 1_000 - now % MINUTE // 1_000,
                now - now % MINUTE + MINUTE,
            )

    def count_order(self, account: str) -> None:
        """Count an order of an account, or refuse it."""
        for (interval, number), most in self.orders.items():
            if (count := self._count(account, interval, number)) >= most:
                text = f"Too many new orders; current limit is {most} orders per {number} {interval}."
                oldest = self._placed[account, interval, number][count - most] if most else self._now()
                raise Throttled(-1015, text, 429, number, oldest + _LONG[interval] * number)
        for interval, number in self.orders:
            self._placed[account, interval, number].append(self._now())

    def headers(self, account: str = "") -> dict[str, str]:
        """Return what an answer tells of the weight used, and of the account's orders."""
        name = f"X-{self._prefix}-WEIGHT"
        told = {name: str(self.used), f"{name}-1M": str(self.used)}
        if account:
            for interval, number in self.orders:
                count = self._count(account, interval, number)
                told[f"X-MBX-ORDER-COUNT-{number}{interval[0]}"] = str(count)
        return told

    def rules(self) -> list[dict[str, str | int]]:
        """Return the limits as exchangeInfo tells them."""
        rules = [("REQUEST_WEIGHT", "MINUTE", 1, self.weight)]
        rules += [("ORDERS", interval, number, most) for (interval, number), most in self.orders.items()]
        names = ("rateLimitType", "interval", "intervalNum", "limit")
        return [dict(zip(names, rule, strict=True)) for rule in rules]

    def counts(self, account: str = "") -> list[dict[str, str | int]]:
        """Return the limits as an answer of the WebSocket API tells them: the account's orders, the weight used.

        Weight that headers tell by a name of another prefix is no weight of this API, and not told.
        """
        orders = self.order_counts(account) if account else []
        weight = [{**self.rules()[0], "count": self.used}] if self._prefix == TOLD else []
        return [*orders, *weight]

    def order_counts(self, account: str) -> list[dict[str, str | int]]:
        """Return the order limits of an account, and how much of them is used."""
        rules, counts = self.rules()[1:], [self._count(account, *each) for each in self.orders]
        return [{**rule, "count": count} for rule, count in zip(rules, counts, strict=True)]

    def _ban(self, now: int) -> None:
        raise Throttled(
            -1003,
            f"Way too much request weight used; IP banned until {self.banned_until}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
            418,
            (self.banned_until - now) // 1_000 + 1,
            self.banned_until,
        )

    def _count(self, account: str, interval: str, number: int) -> int:
        placed, since = self._placed[account, interval, number], self._now() - _LONG[interval] * number
        while placed and placed[0] <= since:
            placed.popleft()
        return len(placed)
