"""Which chats to start: every module of `chatbot.platforms` says for itself whether the settings want it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from chatbot.platform import Outfit, Platform
from config.schema import Settings
from config.secrets import Secrets

if TYPE_CHECKING:
    from chatbot.app import App


def chosen_platforms(
    app: App, settings: Settings, secrets: Secrets, *, interactive: bool, charts: Path | None = None
) -> list[Platform]:
    """Return the chats to start. ``interactive`` says whether somebody can type at the terminal.

    ``charts`` is where the console saves pictures, by default below the home.
    """
    outfit = Outfit(
        settings=settings,
        secrets=secrets,
        clock=app.clock,
        audience=app.audience,
        pictures=app.renderer,
        registry=app.registry,
        charts=charts or app.folders.charts,
        interactive=interactive,
    )
    package = importlib.import_module("chatbot.platforms")
    chosen: list[Platform] = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        build = _build_of(f"{package.__name__}.{module.name}")
        platform = build(outfit)
        if platform is not None:
            chosen.append(platform)
    return chosen


def _build_of(name: str) -> Callable[[Outfit], Platform | None]:
    module = importlib.import_module(name)
    build = getattr(module, "build", None)
    if not callable(build):
        raise TypeError(f"{name}: has no function build(outfit) that returns a platform or None")
    return cast("Callable[[Outfit], Platform | None]", build)
