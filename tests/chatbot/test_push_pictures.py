"""A message that asks for a picture gets it when it is delivered, and goes without rather than not at all."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from chatbot.platform import Audience
from chatbot.push import Illustrate, Parcel, Pusher
from commands.message import Lane, Notice, Preview
from commands.registry import Role
from commands.reply import Card, Chart, GridPicture, Reply
from config.service import Chat
from data.database import Database
from data.outbox import Outbox
from data.values import Mode
from engine.clock import ManualClock
from tests.chatbot.test_push import NOW, Post, settle
from tests.commands.house import MemoryPeople, person

PREVIEW = Preview(symbol="BTC/USDT", lower=Decimal(90), upper=Decimal(110), levels=5, mode=Mode.SHADOW)
CARD = Card(title="BTC/USDT suits a grid", fields=())
NOTICE = Notice(
    key="proposed:1", lane=Lane.DIGEST, at=NOW, bot=0, mode=Mode.SHADOW, card=CARD, silent=True, preview=PREVIEW
)
PICTURE = GridPicture(title="t", symbol="BTC/USDT", mode=Mode.SHADOW, timeframe="4h", candles=())


class Shown(Post):
    """A platform that keeps whole replies."""

    def __init__(self, clock: ManualClock) -> None:
        """Keep none yet."""
        super().__init__(clock)
        self.replies: list[Reply] = []

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Deliver."""
        self.replies.append(reply)
        return await super().send(recipient, CARD, silent)


async def drawn(card: Card, preview: Preview) -> Reply:
    """Return the picture for the one preview there is."""
    assert preview == PREVIEW
    return Chart(caption=card, picture=PICTURE)


async def broken(card: Card, preview: Preview) -> Reply:
    """Fail as nobody foresaw."""
    raise ZeroDivisionError(card.title, preview.symbol)


async def delivered(*lives: Illustrate | None) -> list[Reply]:
    """Push the notice in the first life, which nobody hears of, and return what arrives in the last."""
    clock, database = ManualClock(NOW), Database.in_memory()
    audience, post = Audience(MemoryPeople(person("1", Role.OWNER)), Chat()), Shown(clock)
    try:
        for number, illustrate in enumerate(lives):
            pusher = Pusher(Outbox(database), audience, clock, illustrate)
            await pusher.start([post])
            if number == 0:
                pusher.push((NOTICE,))
            if number == len(lives) - 1:
                await settle()
            await pusher.stop()
        return post.replies
    finally:
        database.close()


async def test_the_picture_is_put_above_the_card_when_it_is_delivered() -> None:
    assert await delivered(drawn) == [Chart(caption=CARD, picture=PICTURE)]


async def test_what_a_restart_interrupts_gets_its_picture_afterwards() -> None:
    assert await delivered(broken, drawn) == [Chart(caption=CARD, picture=PICTURE)]


async def test_without_a_picture_the_words_go_alone() -> None:
    assert await delivered(broken) == [CARD]
    assert await delivered(None) == [CARD]


def test_a_message_that_an_older_version_wrote_down_is_read() -> None:
    written = msgspec.json.decode(msgspec.json.encode(Parcel(CARD)))
    del written["preview"]
    assert msgspec.convert(written, Parcel) == Parcel(CARD)
