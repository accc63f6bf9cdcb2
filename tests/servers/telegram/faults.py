"""What a test may break: blocked people, flooded chats, scripted failures, lost and late answers."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.telegram.refusals import Refusal, blocked, too_many_requests


@dataclass(slots=True)
class _Scripted:
    method: str
    refusal: Refusal
    times: int


@dataclass(slots=True)
class _Flood:
    retry_after: int
    until: float
    times: int | None


class Faults:
    """Decides, before a request is carried out, whether it fails."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._blocked: set[int] = set()
        self._scripted: list[_Scripted] = []
        self._floods: dict[int, _Flood] = {}
        self._limit: tuple[int, float] | None = None
        self._sent: dict[int, deque[float]] = defaultdict(deque)
        self._lost: list[str] = []
        self._late: list[tuple[str, float]] = []

    def block(self, user_id: int, *, on: bool) -> None:
        """Have a person block or unblock the bot."""
        (self._blocked.add if on else self._blocked.discard)(user_id)

    def is_blocked(self, user_id: int) -> bool:
        """Return whether a person has blocked the bot."""
        return user_id in self._blocked

    def flood(self, chat_id: int, retry_after: int, times: int | None) -> None:
        """Refuse a chat's messages until the time is over, or for so many calls."""
        self._floods[chat_id] = _Flood(retry_after, self._now() + retry_after, times)

    def limit(self, messages: int, seconds: float) -> None:
        """Flood every chat by itself that gets more messages than this; 0 messages lifts the limit."""
        self._limit = (messages, seconds) if messages else None
        self._sent.clear()

    def fail(self, method: str, refusal: Refusal, times: int) -> None:
        """Fail the next calls of a method; "*" stands for every one but getUpdates."""
        self._scripted.append(_Scripted(method.lower(), refusal, times))

    def mend(self) -> None:
        """Forget every scripted failure and every flood."""
        self._scripted.clear()
        self._floods.clear()

    def lose(self, method: str) -> None:
        """Carry the next call of a method out and cut its connection instead of answering."""
        self._lost.append(method.lower())

    def loses(self, method: str) -> bool:
        """Return, once per script, whether the answer to this call is lost."""
        if method not in self._lost:
            return False
        self._lost.remove(method)
        return True

    def delay(self, method: str, seconds: float) -> None:
        """Answer the next call of a method late."""
        self._late.append((method.lower(), seconds))

    def delay_of(self, method: str) -> float:
        """Return, once per script, by how much this call is late."""
        for late in self._late:
            if late[0] == method:
                self._late.remove(late)
                return late[1]
        return 0

    def check_scripted(self, method: str) -> None:
        """Raise the failure scripted for this method, if any."""
        for scripted in self._scripted:
            if scripted.method == method or (scripted.method == "*" and method != "getupdates"):
                scripted.times -= 1
                if not scripted.times:
                    self._scripted.remove(scripted)
                raise scripted.refusal

    def check_writing(self, chat_id: int, messages: int = 1) -> None:
        """Raise what keeps the bot from writing to a chat now."""
        if chat_id in self._blocked:
            raise blocked()
        self._check_flood(chat_id)
        if self._limit:
            self._check_limit(chat_id, messages, *self._limit)

    def _check_flood(self, chat_id: int) -> None:
        flood = self._floods.get(chat_id)
        if flood is None:
            return
        if flood.times is not None:
            flood.times -= 1
            if flood.times <= 0:
                del self._floods[chat_id]
            raise too_many_requests(flood.retry_after)
        left = flood.until - self._now()
        if left > 0:
            raise too_many_requests(max(math.ceil(left), 1))
        del self._floods[chat_id]

    def _check_limit(self, chat_id: int, messages: int, most: int, seconds: float) -> None:
        sent, now = self._sent[chat_id], self._now()
        while sent and sent[0] <= now - seconds:
            sent.popleft()
        if len(sent) + messages > most:
            raise too_many_requests(max(math.ceil((sent[0] if sent else now) + seconds - now), 1))
        sent.extend([now] * messages)
