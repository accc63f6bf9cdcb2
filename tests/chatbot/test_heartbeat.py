"""The sign of life says who is alive, and since when somebody is not."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from chatbot.heartbeat import Heartbeat
from tests.scenarios.small_disk import small_disk

BEAT = """
import sys
from pathlib import Path
from chatbot.heartbeat import Heartbeat
Heartbeat(Path(sys.argv[1])).beat(7)
"""
NOW = 1_768_478_400_000
WITHIN = 30_000


def test_an_engine_that_beats_is_alive_for_a_while(tmp_path: Path) -> None:
    beats = Heartbeat(tmp_path / "heartbeat")
    assert (beats.last(), beats.alive(NOW, WITHIN)) == (None, False)
    beats.beat(NOW)
    assert (beats.last(), beats.alive(NOW + WITHIN - 1, WITHIN)) == (NOW, True)
    assert not beats.alive(NOW + WITHIN, WITHIN)


def test_one_that_stopped_is_not_alive_but_left_its_time(tmp_path: Path) -> None:
    beats = Heartbeat(tmp_path / "heartbeat")
    beats.beat(NOW)
    beats.end(NOW + 5)
    assert (beats.last(), beats.alive(NOW + 6, WITHIN)) == (NOW + 5, False)


def test_a_file_that_says_something_else_is_no_sign(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    file.write_text("tomorrow", encoding="utf-8")
    assert (Heartbeat(file).last(), Heartbeat(file).alive(NOW, WITHIN)) == (None, False)


async def test_a_full_disk_takes_the_new_sign_and_leaves_the_last(tmp_path: Path) -> None:
    async with small_disk(tmp_path, 1) as disk:
        beats = Heartbeat(disk.seen / "heartbeat")
        beats.beat(NOW)
        disk.fill()
        child = await asyncio.create_subprocess_exec(
            *disk.command(sys.executable, "-c", BEAT, str(tmp_path / "heartbeat")), stderr=asyncio.subprocess.PIPE
        )
        _, said = await child.communicate()
        assert b"No space left on device" in said
        assert beats.last() == NOW
