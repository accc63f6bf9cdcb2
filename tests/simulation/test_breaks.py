"""The simulation can fail: every defect planted in it is found, and soon."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.__main__ import judged
from tests.simulation.breaks import BREAKS

MOST = 200


@pytest.mark.parametrize("name", BREAKS)
def test_a_planted_defect_is_found(name: str, record_property: Callable[[str, object], None]) -> None:
    found = next((seed for seed in range(1, MOST + 1) if judged(seed, name).problems), None)
    record_property("seeds until found", found)
    assert found is not None, f"{name} went unnoticed in {MOST} seeds"
