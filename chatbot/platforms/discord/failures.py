"""What Discord's errors mean to whoever sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from chatbot.platform import SendFailed, SendRefused, SendRetry

PATIENCE_SECONDS = 5.0
_TOO_MANY = 429


@contextmanager
def translated() -> Iterator[None]:
    """Turn what discord.py raises inside the block into ``SendError``."""
    try:
        yield
    except discord.RateLimited as error:
        raise SendRetry(error.retry_after) from error
    except discord.HTTPException as error:
        raise _meaning(error) from error
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        raise SendFailed(f"Discord was not reached: {type(error).__name__}") from error


def _meaning(error: discord.HTTPException) -> SendRetry | SendRefused | SendFailed:
    # The number says it all; the library's own words may hold parts of the message.
    if error.status == _TOO_MANY:
        return SendRetry(_patience(error))
    if error.status in {400, 403, 404}:
        return SendRefused(f"Discord answered {error.status}, code {error.code}")
    return SendFailed(f"Discord answered {error.status}")


def _patience(error: discord.HTTPException) -> float:
    try:
        return max(float(error.response.headers["Retry-After"]), 0.0)
    except (AttributeError, KeyError, ValueError):
        return PATIENCE_SECONDS
