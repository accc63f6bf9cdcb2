"""Run seeds from the command line: which of them fail, and why."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterable, Iterator, MutableMapping
from functools import partial
from multiprocessing import Pool
from typing import Any, NoReturn

import structlog

from tests.simulation.breaks import BREAKS
from tests.simulation.life import Parts
from tests.simulation.world import Verdict, World

SHOWN = 40
"""Lines of the trace of a failing seed."""


def say(line: str) -> None:
    """Print one line at once."""
    print(line, flush=True)  # noqa: T201 - a command line


def judged(seed: int, parts: str = "") -> Verdict:
    """Run one seed quietly."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), processors=[_nothing])
    return World(seed, BREAKS[parts] if parts else Parts()).run()


def _nothing(_: Any, __: str, ___: MutableMapping[str, Any]) -> NoReturn:
    raise structlog.DropEvent


def verdicts(seeds: Iterable[int], parts: str, jobs: int) -> Iterator[Verdict]:
    """Yield what came of every seed, in order."""
    if jobs == 1:
        yield from (judged(seed, parts) for seed in seeds)
        return
    with Pool(jobs) as pool:
        yield from pool.imap(partial(judged, parts=parts), seeds, chunksize=8)


def report(verdict: Verdict) -> None:
    """Say what is wrong with a seed, and how to see it again."""
    say(f"seed {verdict.seed} FAILED")
    for problem in verdict.problems[:10]:
        say(f"    {problem}")
    say("  its last moments:")
    for line in verdict.trace[-SHOWN:]:
        say(f"    {line[:200]}")
    say(f"  again: python -m tests.simulation --seeds 1 --start {verdict.seed} --verbose")


def main() -> int:
    """Run the seeds asked for and return 1 when one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--start", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--break", dest="parts", default="", choices=("", *BREAKS), help="plant a known defect")
    parser.add_argument("--short", action="store_true", help="one line for a failing seed")
    parser.add_argument("--verbose", action="store_true", help="tell everything that happens")
    asked = parser.parse_args()
    if asked.verbose:
        parts = BREAKS[asked.parts] if asked.parts else Parts()
        found = World(asked.start, parts, say).run().problems
        say("\n".join(found))
        return int(bool(found))
    began = time.perf_counter()
    done = failed = lives = orders = fills = 0
    for verdict in verdicts(range(asked.start, asked.start + asked.seeds), asked.parts, asked.jobs):
        done, lives = done + 1, lives + verdict.lives
        orders, fills = orders + verdict.orders, fills + verdict.fills
        if verdict.problems:
            failed += 1
            say(f"seed {verdict.seed}: {verdict.problems[0][:230]}") if asked.short else report(verdict)
    seconds = time.perf_counter() - began
    say(f"{done} seeds, {failed} failed; {lives} lives, {orders} orders, {fills} fills; {seconds:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
