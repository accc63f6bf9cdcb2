"""Discord: slash commands with completion, buttons, embeds and pictures, pushes as direct messages.

platform   the platform itself: connects, watches over the connection, pushes
client     what arrives from Discord, and the way back of each answer
tree       slash commands made from the registry
messages   replies as Discord shows them
failures   what Discord's errors mean to whoever sends
"""

from __future__ import annotations

from chatbot.platform import Outfit, Platform

__all__ = ["build"]


def build(outfit: Outfit) -> Platform | None:
    """Return Discord when it is switched on and has a token, else None."""
    token, surface = outfit.secrets.discord_bot_token, outfit.settings.chat.discord
    if token is None or not surface.is_on(token):
        return None
    # Imported here because the library is large and most installations speak through one chat.
    from chatbot.platforms.discord.platform import DiscordPlatform

    return DiscordPlatform(
        token, registry=outfit.registry, audience=outfit.audience, pictures=outfit.pictures, clock=outfit.clock,
        api_base_url=None if surface.api_base_url is None else str(surface.api_base_url),
    )  # fmt: skip
