"""What all tests share: one option, logs as they were, and how the Telegram library counts time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# Read when the library is imported: without it, it warns at every flood.
os.environ.setdefault("PTB_TIMEDELTA", "true")

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts what golden tests see now."""
    parser.addoption("--update-golden", action="store_true", help="write down what golden tests see as the new truth")


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Return whether golden files are written instead of compared."""
    return bool(pytestconfig.getoption("--update-golden"))


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a test that sets up the program's logs does to the process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    loggers = (each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger))
    states = {each: (each.level, each.disabled) for each in loggers}
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    for logger, (before, disabled) in states.items():
        logger.setLevel(before)
        logger.disabled = disabled
    structlog.reset_defaults()
