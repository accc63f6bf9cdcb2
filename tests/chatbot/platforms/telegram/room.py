"""Everything around the Telegram platform: the loopback Bot API, people with roles, real commands, a quick clock."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable

from chatbot.charts.renderer import ChartFailed
from chatbot.platform import Audience
from chatbot.platforms.telegram.platform import TelegramPlatform
from commands.registry import Registry, Role, discover
from commands.reply import GridPicture, PnlSeries
from config.schema import Settings
from engine.clock import ManualClock
from tests.commands.fake_desk import FakeDesk
from tests.commands.house import House, person
from tests.commands.worlds import bot_view
from tests.servers.telegram import Person, TelegramServer

OWNER, TRADER, VIEWER, STRANGER = 101, 102, 103, 999
REGISTRY: Registry = discover()


class QuickClock(ManualClock):
    """Time that jumps ahead whenever somebody waits."""

    def __init__(self, start: int) -> None:
        """Start at ``start``."""
        super().__init__(start)
        self.waited: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Jump ahead."""
        self.waited.append(seconds)
        self.advance(round(seconds * 1000))
        await asyncio.sleep(0)


class Pictures:
    """Draws every chart as one grey dot, or fails."""

    def __init__(self) -> None:
        """Draw well."""
        self.broken = False
        self.drawn: list[PnlSeries | GridPicture] = []

    async def png(self, picture: PnlSeries | GridPicture) -> bytes:
        """Return a PNG of one pixel, a different shade each time."""
        if self.broken:
            raise ChartFailed("no ink")
        self.drawn.append(picture)
        return png(len(self.drawn))


class Room:
    """A running platform and the people who talk to it."""

    def __init__(self, server: TelegramServer, house: House, clock: QuickClock, settings: Settings) -> None:
        """Put everything together; ``start`` lets it listen."""
        self.server, self.house, self.clock, self.settings = server, house, clock, settings
        self.pictures = Pictures()
        for user, role in ((OWNER, Role.OWNER), (TRADER, Role.TRADER), (VIEWER, Role.VIEWER)):
            house.people.put(person(str(user), role))
        self.olga, self.tim = server.person(OWNER, "Olga"), server.person(TRADER, "Tim")
        self.vera, self.sam = server.person(VIEWER, "Vera"), server.person(STRANGER, "Sam")
        self.platform = self.new_platform()

    def new_platform(self, token: str = "") -> TelegramPlatform:
        """Return another platform for the same bot, as after a restart."""
        return TelegramPlatform(
            token or self.server.token, Audience(self.house.people, self.settings.chat), self.clock, self.pictures,
            base_url=self.server.base_url, base_file_url=self.server.base_file_url, poll_seconds=5,
        )  # fmt: skip

    async def start(self) -> None:
        """Listen."""
        await self.platform.start(self.house.dispatcher)
        await self.platform.ready()

    async def silence(self, who: Person) -> None:
        """Check that what ``who`` sent so far is answered by nothing: a later question of another is answered first."""
        await self.olga.say("/help")
        await self.olga.expect("/help")
        assert not who.unread, [each.text for each in who.unread]


def new_room(server: TelegramServer, clock: QuickClock, registry: Registry | None = REGISTRY) -> Room:
    """Return a room with one running bot and the real commands, or those of the house."""
    house = House(registry=registry, desk=FakeDesk(bot_view(1)), clock=clock)
    return Room(server, house, clock, Settings())


def seconds_of(clock: ManualClock) -> Callable[[], float]:
    """Return the clock as the server wants it."""
    return lambda: clock.now() / 1000


def png(shade: int) -> bytes:
    """Return a picture of one pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes([0, shade % 256]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
