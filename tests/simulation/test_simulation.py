"""Whatever goes wrong, and whenever the engine dies: books and exchange agree in the end, and nothing was doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import judged

SEEDS, CHUNK = 200, 20
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_seeds_pass(first: int) -> None:
    verdicts = [judged(seed) for seed in range(first, first + CHUNK)]
    failed = {verdict.seed: verdict.problems for verdict in verdicts if verdict.problems}
    assert not failed, "run one alone: python -m tests.simulation --seeds 1 --start SEED --verbose"
    assert sum(verdict.fills for verdict in verdicts) > 3 * CHUNK, "seeds in which nothing happens show nothing"
    assert sum(verdict.lives for verdict in verdicts) > CHUNK, "nobody died"


def test_a_seed_is_the_same_in_every_process() -> None:
    told = set()
    for hash_seed in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seeds", "1", "--start", "7", "--verbose"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.add("\n".join(line for line in run.stdout.splitlines() if line.startswith(" ")))
    assert len(told) == 1
    assert "exchange event=OrderFilled" in told.pop()
