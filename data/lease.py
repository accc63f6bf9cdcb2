"""One engine per exchange account: a lock beside all homes of this machine, with word of who holds it.

AccountInUse    another engine has the account
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

import msgspec

from data.values import Millis

_LONGEST = 4096


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who has an account, and when they last said so."""

    home: str
    process: int
    since: Millis
    seen: Millis


class AccountInUse(Exception):
    """Another engine trades the account; ``holder`` is None when it did not say who it is."""

    def __init__(self, holder: Holder | None) -> None:
        """Name the other home and its process."""
        who = f"process {holder.process}, home {holder.home}" if holder else "its process is not known"
        super().__init__(
            f"another Batuta trades this exchange account ({who}); accepted: stop it first, use another key, or start "
            f"with --take-over, which asks it to stop and waits for it"
        )
        self.holder = holder


def account_digest(exchange: str, key: str) -> str:
    """Return a name for an account that gives nothing of its key away."""
    return hashlib.sha256(f"{exchange}\n{key}".encode()).hexdigest()[:32]


class Lease:
    """The right to trade one account. The system takes it back when the process ends, however it ends."""

    def __init__(self, folder: Path, account: str) -> None:
        """Stand for ``account`` in ``folder``, which all homes of this machine share; nothing is held yet."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file, self._request = folder / f"{account}.lease", folder / f"{account}.wanted"
        self._held: int | None = None
        self._holder: Holder | None = None

    def take(self, home: Path, now: Millis) -> None:
        """Hold the account from now on. Raises ``AccountInUse``, or OSError when the folder cannot be used."""
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(handle)
            os.close(handle)
            raise AccountInUse(holder) from None
        self._held = handle
        # A request that was left belongs to whoever held the account before.
        self._request.unlink(missing_ok=True)
        self._holder = Holder(home=str(home), process=os.getpid(), since=now, seen=now)
        self._write(self._holder)

    def keep(self, now: Millis) -> bool:
        """Say that the holder is alive; return False when somebody asks for the account."""
        if self._holder is not None:
            self._holder = msgspec.structs.replace(self._holder, seen=now)
            self._write(self._holder)
        return not self._request.exists()

    def ask(self) -> None:
        """Ask whoever holds the account to let it go."""
        self._request.touch()

    def release(self) -> None:
        """Let the account go. Safe to call twice."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _write(self, holder: Holder) -> None:
        if self._held is not None:
            text = msgspec.json.encode(holder)
            os.ftruncate(self._held, 0)
            os.pwrite(self._held, text, 0)


def _read(handle: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(handle, _LONGEST, 0), type=Holder)
    except msgspec.MsgspecError:
        return None
