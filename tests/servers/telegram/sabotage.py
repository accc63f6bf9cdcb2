"""What tests may see of the server, and how they may hurt it."""

from tests.servers.loopback import Loopback
from tests.servers.telegram.menus import menu_key
from tests.servers.telegram.people import Person
from tests.servers.telegram.refusals import Refusal
from tests.servers.telegram.words import Call, JsonObject, Message, User
from tests.servers.telegram.world import World


class Observed(Loopback):
    """A server whose memory tests may read."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._world = world

    def message(self, chat_id: int, message_id: int) -> Message | None:
        """Return a message as it stands now, None if it was deleted."""
        return self._world.messages.get((chat_id, message_id))

    def commands(self, scope: JsonObject | None = None, language: str = "") -> dict[str, str]:
        """Return a command menu: name to description."""
        menu = self._world.menus.get(menu_key(scope, language), [])
        return {command["command"]: command["description"] for command in menu}

    def pinned(self, chat_id: int) -> tuple[int, ...]:
        """Return the ids of the pinned messages, the newest last."""
        return tuple(self._world.pins.get(chat_id, []))

    def actions(self, chat_id: int) -> tuple[str, ...]:
        """Return the chat actions shown so far."""
        return tuple(action for chat, action in self._world.actions if chat == chat_id)

    def calls_of(self, method: str) -> list[Call]:
        """Return the calls of one method, failed ones included."""
        return [call for call in self.calls if call.method.lower() == method.lower()]

    @property
    def pending(self) -> tuple[int, ...]:
        """The ids of the updates the bot has not confirmed yet."""
        return self._world.updates.pending


class Sabotaged(Observed):
    """A server that fails the way the real one does, when a test says so."""

    def block(self, user: Person) -> None:
        """Have a person block the bot."""
        self._membership(user, blocked=True)

    def unblock(self, user: Person) -> None:
        """Have a person unblock the bot."""
        self._membership(user, blocked=False)

    def flood(self, chat: int | Person, retry_after: int, *, times: int | None = None) -> None:
        """Answer 429 to what is sent to a chat: until retry_after is over, or exactly `times` times."""
        self._world.faults.flood(chat.id if isinstance(chat, Person) else chat, retry_after, times)

    def limit_per_chat(self, messages: int, seconds: float) -> None:
        """Flood every chat by itself that gets more messages in this time; 0 messages lifts the limit."""
        self._world.faults.limit(messages, seconds)

    def fail_next(
        self, method: str, status: int, description: str, *, retry_after: int | None = None, times: int = 1
    ) -> None:
        """Fail the next calls of a method ("*": of any but getUpdates) without carrying them out."""
        self._world.faults.fail(method, Refusal(status, description, retry_after), times)

    def mend(self) -> None:
        """Let everything work again that was scripted to fail, and no chat be flooded."""
        self._world.faults.mend()

    def lose_answer(self, method: str) -> None:
        """Carry the next call of a method out, then cut the connection instead of answering."""
        self._world.faults.lose(method)

    def delay_next(self, method: str, seconds: float) -> None:
        """Carry the next call of a method out and answer late."""
        self._world.faults.delay(method, seconds)

    def expire_queries(self) -> None:
        """Make every tap so far too old to be answered."""
        for query in self._world.queries.values():
            query.expired = True

    def replay(self, update_id: int) -> None:
        """Deliver an update once more, confirmed or not."""
        self._world.updates.replay(update_id)

    def _membership(self, person: Person, *, blocked: bool) -> None:
        faults = self._world.faults
        before, after = (_member(self._world.me, gone) for gone in (faults.is_blocked(person.id), blocked))
        faults.block(person.id, on=blocked)
        body: JsonObject = {
            "chat": self._world.chats[person.id].wire(),
            "from": self._world.users[person.id].wire(),
            "date": self._world.date(),
            "old_chat_member": before,
            "new_chat_member": after,
        }
        self._world.updates.add("my_chat_member", body)


def _member(bot: User, gone: bool) -> JsonObject:
    status: JsonObject = {"status": "kicked", "until_date": 0} if gone else {"status": "member"}
    return {"user": bot.wire(), **status}
