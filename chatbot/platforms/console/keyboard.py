"""Lines as they are typed, read in a thread of their own because terminals cannot be awaited everywhere."""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
from contextlib import suppress
from typing import Any

from chatbot.platforms.console.screen import PROMPT, Screen

EDITOR_LOOKS, LOOK_SECONDS = 40, 0.005
"""How long closing waits for a line that has just begun to be edited."""


class Keyboard:
    """The standard input. It asks for the next line only when somebody waits for it, after the last was answered."""

    def __init__(self, screen: Screen) -> None:
        """Show the prompt on ``screen``."""
        self._screen = screen
        self._asked = threading.Event()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._thread: threading.Thread | None = None
        self._terminal: list[Any] | None = None
        self._closed = False
        self._editing = False
        self._gate = threading.Lock()

    async def line(self) -> str | None:
        """Return the next line, or None when there will be no more."""
        if self._thread is None:
            self._terminal = _terminal_settings()
            # Once more at the very end: the thread may have begun to edit another line after everything else stopped.
            atexit.register(self.close)
            loop = asyncio.get_running_loop()
            # A daemon: a read of a terminal cannot be called off, and must not keep the program from ending.
            self._thread = threading.Thread(target=self._read, args=(loop,), name="keyboard", daemon=True)
            self._thread.start()
        self._screen.typing = True
        self._asked.set()
        try:
            return await self._lines.get()
        except asyncio.CancelledError:
            self._screen.leave_line()
            raise
        finally:
            self._screen.typing = False

    def close(self) -> None:
        """Ask for no more lines and leave the terminal as it was found."""
        with self._gate:
            # Past the gate the thread has begun a line, or never will.
            self._closed, editing, self._editing = True, self._editing, False
        if self._terminal is None:
            return
        import termios

        with suppress(termios.error, OSError, ValueError):
            if editing:
                self._await_editor()
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._terminal)

    def _await_editor(self) -> None:
        # The editor that the thread has just begun changes the terminal a moment later; putting it back before that
        # would leave it changed for good.
        for _ in range(EDITOR_LOOKS):
            if _terminal_settings() != self._terminal:
                return
            threading.Event().wait(LOOK_SECONDS)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(ImportError):
            import readline  # noqa: F401 - gives input() history and editing
        while True:
            self._asked.wait()
            self._asked.clear()
            with self._gate:
                if self._closed:
                    return
                self._editing = True
            try:
                line: str | None = input(PROMPT)
            except (EOFError, OSError, ValueError):
                line = None
            with self._gate:
                self._editing = False
            # The loop may be gone by the time somebody presses Enter.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._lines.put_nowait, line)
            if line is None:
                return


def _terminal_settings() -> list[Any] | None:
    try:
        import termios
    except ImportError:
        return None
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):
        return None
