"""What all tests share: one option, and how the Telegram library counts time."""

from __future__ import annotations

import os

import pytest

# Read when the library is imported: without it, it warns at every flood.
os.environ.setdefault("PTB_TIMEDELTA", "true")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts what golden tests see now."""
    parser.addoption("--update-golden", action="store_true", help="write down what golden tests see as the new truth")


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Return whether golden files are written instead of compared."""
    return bool(pytestconfig.getoption("--update-golden"))
