"""Setting up the program's log: readable in the terminal, JSON in a file, and no secret in either."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import EventDict, Processor

from config.secrets import Secrets
from config.service import Logging

HIDDEN = "[secret]"
_NOISY = ("httpx", "httpcore", "telegram", "discord", "aiohttp", "ccxt", "apscheduler", "asyncio", "matplotlib")
_SHORTEST = 4
_MEGABYTE = 1024 * 1024

Redact = Callable[[str], str]


def redactor(values: Iterable[str]) -> Redact:
    """Return a function that takes known secrets out of a text, however they were quoted."""
    forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
    if not forms:
        return lambda text: text
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(HIDDEN, text)


def set_up_logs(settings: Logging, home: Path, secrets: Secrets, debug: bool = False) -> Redact:
    """Send every log of the process to terminal and file as configured, and return the function that hides secrets."""
    redact = redactor(secrets.revealed())
    # A log on a full disk has nothing to say to people, least of all a traceback for each of its lines.
    logging.raiseExceptions = False
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler.formatter, RedactingFormatter):
            root.removeHandler(handler)
            handler.close()
    for handler in _handlers(settings, home, redact):
        root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else settings.level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return redact


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats one record and takes every known secret out of the finished text, tracebacks included."""

    def __init__(self, redact: Redact, renderer: Processor) -> None:
        """Build the chain that ends with the renderer."""
        finish: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
        if isinstance(renderer, structlog.processors.JSONRenderer):
            finish.append(structlog.processors.format_exc_info)
        super().__init__(processors=[*finish, renderer], foreign_pre_chain=_shared())
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text without secrets."""
        return self._redact(super().format(record))


def _handlers(settings: Logging, home: Path, redact: Redact) -> list[logging.Handler]:
    file = home / settings.log_file
    file.parent.mkdir(parents=True, exist_ok=True)
    rotating = RotatingFileHandler(
        file, maxBytes=settings.max_file_mb * _MEGABYTE, backupCount=settings.files_kept, encoding="utf-8"
    )
    rotating.setFormatter(
        RedactingFormatter(redact, structlog.processors.JSONRenderer(default=str, ensure_ascii=False))
    )
    handlers: list[logging.Handler] = [rotating]
    if settings.log_to_console:
        console = logging.StreamHandler(sys.stderr)
        plain = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        console.setFormatter(RedactingFormatter(redact, plain))
        handlers.append(console)
    return handlers


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _decimals_plain,
    ]


def _decimals_plain(_logger: object, _name: str, event: EventDict) -> EventDict:
    """Render what JSON does not know as its text rather than its repr."""
    return {key: _plain(key, value) for key, value in event.items()}


def _plain(key: str, value: object) -> object:
    known = isinstance(value, str | int | float | bool | list | tuple | dict | type(None))
    return value if known or key.startswith(("_", "exc_info")) else str(value)


def _forms(value: str) -> set[str]:
    quoted = json.dumps(value)[1:-1]
    return {
        value,
        quoted,
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(quoted)[1:-1],
        repr(value)[1:-1],
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
    }
