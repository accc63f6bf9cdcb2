"""A loopback Telegram Bot API, as strict as the original, with people in front of it.

- chats: methods about chats, files, callback queries and messages that go away
- editing: methods that change a message already sent
- faults: what a test may break: blocks, floods, scripted failures, lost answers
- keyboards: reply markup and its limits
- markup: Telegram's HTML, with its error messages
- media: photos, documents and their checks
- menus: command menus and the bot's own profile
- parameters: request bodies in every encoding the Bot API accepts
- people: the person's side, which tests drive
- refusals: every way the Bot API says no
- sabotage: what tests may see of the server, and how they may hurt it
- sending: methods that send a new message
- server: the HTTP server and what tests may ask of it
- updates: the queue behind getUpdates
- words: users, chats, messages and their JSON
- world: everything the server remembers
"""

from tests.servers.telegram.people import Person, Tap
from tests.servers.telegram.server import TelegramServer
from tests.servers.telegram.words import Button, Call, CallbackAnswer, Entity, Message

__all__ = ["TelegramServer", "Person", "Tap", "Message", "Button", "Entity", "Call", "CallbackAnswer"]
