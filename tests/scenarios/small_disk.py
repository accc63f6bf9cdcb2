"""A tiny file system of its own, which processes may be started on, filled up, and given room again."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

_ALONE = ("unshare", "--user", "--map-root-user", "--mount")
_BALLAST = "ballast"
_BLOCK = 4096
_ROOT = Path(__file__).parents[2]


class SmallDisk:
    """A memory file system mounted at ``folder``, but only for whoever was started by ``command``."""

    def __init__(self, folder: Path, holder: int) -> None:
        """Wrap the mount that the process ``holder`` keeps."""
        self._folder, self._holder = folder, holder

    @property
    def seen(self) -> Path:
        """Return the folder as this process can reach it."""
        return Path(f"/proc/{self._holder}/root{self._folder}")

    def command(self, *words: str) -> Sequence[str]:
        """Return the words that start a program which sees the disk."""
        enter = ("nsenter", f"--target={self._holder}", "--user", "--mount", "--preserve-credentials", "--")
        return (*enter, "env", f"--chdir={_ROOT}", *words)

    def fill(self) -> None:
        """Leave not a single block free."""
        with (self.seen / _BALLAST).open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(_BLOCK))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self) -> None:
        """Take away what filled it."""
        (self.seen / _BALLAST).unlink()


@asynccontextmanager
async def small_disk(folder: Path, megabytes: int) -> AsyncIterator[SmallDisk]:
    """Lend a disk of so many MiB, gone afterwards. Skips the test where the system lets nobody mount one."""
    for name in ("unshare", "nsenter"):
        if shutil.which(name) is None:
            pytest.skip(f"a disk of its own needs the program {name}")
    mount = f'mount -t tmpfs -o size={megabytes}m none "$1" && echo mounted && exec cat'
    holder = await asyncio.create_subprocess_exec(
        *_ALONE, "sh", "-c", mount, "sh", str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        if await holder.stdout.readline() != b"mounted\n":
            pytest.skip(f"no disk of its own can be mounted here: {(await holder.stderr.read()).decode().strip()}")
        yield SmallDisk(folder, holder.pid)
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.communicate()
