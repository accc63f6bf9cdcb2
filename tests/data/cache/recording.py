"""Records what the real program asks of its cache: `python -m tests.data.cache.recording [name…] [--seed N]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import structlog

from tests.data.cache.replaying import distinct_bytes
from tests.data.cache.scenes import SCENES
from tests.data.cache.traffic import RECORDED, write


def main(arguments: list[str]) -> int:
    """Play the named scenes, all when none is named, and write a trace of each beside the others."""
    parser = argparse.ArgumentParser(prog="python -m tests.data.cache.recording")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--seed", type=int, default=1, help="of what is invented")
    parser.add_argument("--folder", type=Path, default=RECORDED, help="where traces go")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in SCENES]
    if unknown:
        parser.error(f"name: {', '.join(unknown)} is no scene; accepted: {', '.join(SCENES)}")
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in given.names or SCENES:
        with tempfile.TemporaryDirectory() as home:
            life = asyncio.run(SCENES[name](Path(home), given.seed))
        path = given.folder / f"{name}.jsonl.gz"
        write(path, life.accesses)
        keys = len({each.key for each in life.accesses})
        sys.stdout.write(
            f"{name}: {len(life.accesses)} accesses to {keys} keys, {distinct_bytes(life.accesses) >> 10} KiB, "
            f"{path.stat().st_size >> 10} KiB packed\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
