"""What an agent is, and how agents are found: every other module of this package is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from data.advice import Advice
from data.values import Millis
from engine.desk import Desk, Note

if TYPE_CHECKING:
    from config.schema import Settings


class Agent(Protocol):
    """Looks at the engine from time to time and says what it thinks. It trades nothing and places no order."""

    name: str
    """The name of its module."""
    what: str
    """One line on what it is for, in English; whoever shows it translates it."""
    interval_seconds: float

    async def advise(self, desk: Desk, now: Millis, /) -> Sequence[Advice]:
        """Return what there is to say now; nothing means *abstain*. Signs with its own name."""


@runtime_checkable
class Noting(Protocol):
    """An agent that also tells what became of what it looked at."""

    def notes(self) -> Sequence[Note]:
        """Return its notes."""


Build = Callable[["Settings"], Agent | None]
"""Makes an agent, or None when the settings leave it out."""
Maker = Callable[[], Agent | None]
"""A ``Build`` that knows its settings."""


def discover() -> dict[str, Build]:
    """Import every agent module and return its ``build`` by name. Raises TypeError for a module without one."""
    package = importlib.import_module(__package__)
    found: dict[str, Build] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        if module.name == "base" or module.name.startswith("_"):
            continue
        build = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "build", None)
        if not callable(build):
            raise TypeError(f"engine/agents/{module.name}.py: has no function build(settings) that returns an agent")
        found[module.name] = cast("Build", build)
    return found


def makers(builds: Mapping[str, Build], settings: Settings) -> dict[str, Maker]:
    """Bind every ``build`` to the settings, as the supervisor wants them."""
    return {name: partial(build, settings) for name, build in builds.items()}
