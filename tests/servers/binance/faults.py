"""The fault script: what goes wrong with which request or stream event, one by one or by seeded chance."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

RequestFault = Literal[
    "drop_before",
    "drop_after",
    "delay",
    "delay_before",
    "truncate",
    "sever",
    "html",
    "html_after",
    "error",
    "error_after",
    "timeout_before",
    "timeout_after",
    "throttle",
    "clock",
]
"""What happens to a request; ``after`` means that the exchange did what was asked, ``before`` that it did not.

drop: the connection dies. delay: the answer comes late; with ``before`` the deed as well. truncate: half of the body,
as if it were whole; sever: half of it, then the connection dies. html: a proxy's error page with ``status``. error:
``status`` with ``code`` and ``message``, or without a code with an empty body. timeout: -1007. throttle: 429 or 418 by
``status``, with Retry-After ``seconds``. clock: -1021. Without a word about it, nothing was done, but for delay,
truncate and sever.

A call of the WebSocket API is struck like the REST request that would do the same. There drop cuts the whole
connection, html closes it with a code of the status, truncate and sever halve the frame of the answer, an error without
a code has -1000, and a late answer holds up no other.
"""

StreamFault = Literal["lose", "duplicate", "reorder", "late", "garble", "cut", "silence"]
"""What happens to a stream event.

lose: it never leaves. duplicate: it comes twice. reorder: it comes after the next one. late: it and all behind it wait
``seconds``. garble: half of its text. cut: the socket dies instead. silence: the socket stays open, and nothing comes.
"""

Kind = RequestFault | StreamFault


@dataclass(slots=True)
class Fault:
    """One rule: what happens to what matches, how often and how likely.

    ``match`` is a pattern over ``POST /api/v3/order`` for requests on either wire, ``WS order.place`` for those of the
    WebSocket API alone, and over ``user:executionReport`` or ``btcusdt@trade`` for stream events.
    """

    kind: Kind
    match: str = "*"
    count: int | None = 1
    """How often it strikes; None for ever."""
    probability: float = 1.0
    skip: int = 0
    """How many matches pass unharmed first."""
    seconds: float = 1.0
    status: int = 503
    code: int = 0
    message: str = "Internal error; unable to process your request. Please try again."


_REQUEST_KINDS = frozenset(get_args(RequestFault))


@dataclass(slots=True)
class FaultScript:
    """The rules in force, the earlier ones first, and what they did."""

    seed: int = 0
    rules: list[Fault] = field(default_factory=list)
    struck: list[tuple[Kind, str]] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def add(self, kind: Kind, match: str = "*", **details: float | int | str | None) -> Fault:
        """Add a rule; see ``Fault`` for the details."""
        self.rules.append(Fault(kind, match, **details))  # type: ignore[arg-type]
        return self.rules[-1]

    def chaos(self, seed: int, rates: dict[Kind, float], match: str = "*", seconds: float = 0.3) -> None:
        """Let faults strike for ever by chance, each kind at its own rate, the same for the same seed."""
        self._random = random.Random(seed)
        self.rules += [Fault(kind, match, None, rate, seconds=seconds) for kind, rate in rates.items()]

    def clear(self) -> None:
        """Let everything go right from now on."""
        self.rules.clear()

    def request(self, *names: str) -> Fault | None:
        """Return the fault that strikes a request such as ``POST /api/v3/order``, which may have further names.

        A rule that matches several of them counts the request once.
        """
        return self._find(names, of_request=True)

    def event(self, where: str) -> Fault | None:
        """Return the fault that strikes a stream event."""
        return self._find((where,), of_request=False)

    def _find(self, names: tuple[str, ...], *, of_request: bool) -> Fault | None:
        for rule in self.rules:
            if (rule.kind in _REQUEST_KINDS) is not of_request:
                continue
            where = next((name for name in names if fnmatchcase(name, rule.match)), None)
            if where is None:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            if rule.count is not None:
                rule.count -= 1
                if not rule.count:
                    self.rules.remove(rule)
            self.struck.append((rule.kind, where))
            return rule
        return None
