"""Markets to choose among, closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.engine.agents.bazaar import BazaarDesk
from tests.engine.agents.selecting import Open


@pytest.fixture
async def bazaar() -> AsyncIterator[Open]:
    made: list[BazaarDesk] = []

    def open_(*names: str) -> BazaarDesk:
        made.append(BazaarDesk(*names))
        return made[-1]

    yield open_
    for each in made:
        await each.data.stop()
