"""One engine per account: a second one hears who has it, may ask for it, and gets it when the first is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data.lease import AccountInUse, Holder, Lease, account_digest

ACCOUNT = account_digest("binance", "key")
CHILD = """
import sys
from pathlib import Path
from data.lease import Lease
Lease(Path(sys.argv[1]), sys.argv[2]).take(Path("/elsewhere"), 7)
print("held", flush=True)
sys.stdin.read()
"""


def test_an_account_is_held_once_and_the_other_engine_is_named(tmp_path: Path) -> None:
    first, second = Lease(tmp_path, ACCOUNT), Lease(tmp_path, ACCOUNT)
    first.take(Path("/home/one"), 5)
    with pytest.raises(AccountInUse, match=r"process \d+, home /home/one.*--take-over"):
        second.take(Path("/home/two"), 6)
    Lease(tmp_path, account_digest("binance", "other")).take(Path("/home/two"), 6)
    first.release()
    first.release()
    second.take(Path("/home/two"), 7)


def test_the_holder_says_that_it_lives_and_hears_that_it_is_wanted(tmp_path: Path) -> None:
    first, second = Lease(tmp_path, ACCOUNT), Lease(tmp_path, ACCOUNT)
    assert second.keep(1), "who holds nothing is asked for nothing"
    first.take(Path("/one"), 5)
    assert first.keep(8)
    with pytest.raises(AccountInUse) as refused:
        second.take(Path("/two"), 9)
    holder = refused.value.holder
    assert holder is not None
    assert (holder.since, holder.seen) == (5, 8)
    second.ask()
    assert not first.keep(10)
    first.release()
    second.take(Path("/two"), 11)
    assert second.keep(12), "the request was for the one before"


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CHILD, str(tmp_path), ACCOUNT]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        lease = Lease(tmp_path, ACCOUNT)
        with pytest.raises(AccountInUse, match=rf"process {child.pid}, home /elsewhere"):
            lease.take(Path("/here"), 9)
        child.kill()
        child.wait()
        lease.take(Path("/here"), 10)
    lease.release()


def test_a_holder_that_cannot_be_read_is_still_respected(tmp_path: Path) -> None:
    first, second = Lease(tmp_path, ACCOUNT), Lease(tmp_path, ACCOUNT)
    first.take(Path("/one"), 5)
    (tmp_path / f"{ACCOUNT}.lease").write_text("{", encoding="utf-8")
    with pytest.raises(AccountInUse, match="its process is not known") as refused:
        second.take(Path("/two"), 6)
    assert refused.value.holder is None


def test_neither_names_nor_files_give_the_key_away(tmp_path: Path) -> None:
    lease = Lease(tmp_path, account_digest("binance", "SECRETKEY"))
    lease.take(Path("/one"), 5)
    (file,) = tmp_path.iterdir()
    assert "SECRETKEY" not in file.name + file.read_text(encoding="utf-8")
    assert Holder(home="/one", process=1, since=5, seen=5).home in file.read_text(encoding="utf-8")
