"""The terminal as a chat: typed lines in, answers and pushes out, numbers instead of buttons.

platform   the platform itself: lines to the dispatcher, replies to the screen
screen     replies in a terminal, and what stands on the line being typed
keyboard   lines as they are typed, read beside the event loop
"""

from __future__ import annotations

from chatbot.platform import Outfit, Platform

__all__ = ["build"]


def build(outfit: Outfit) -> Platform | None:
    """Return the console when it is switched on and somebody can type there, else None."""
    if not (outfit.settings.chat.console.enabled and outfit.interactive):
        return None
    from chatbot.platforms.console.keyboard import Keyboard
    from chatbot.platforms.console.platform import ConsolePlatform
    from chatbot.platforms.console.screen import Screen

    colour = outfit.settings.chat.console.colour
    screen = Screen(colour=None if colour == "auto" else colour)
    return ConsolePlatform(
        audience=outfit.audience, pictures=outfit.pictures, clock=outfit.clock, charts=outfit.charts, screen=screen,
        keyboard=Keyboard(screen),
    )  # fmt: skip
