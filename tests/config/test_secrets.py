"""Secrets come from the environment, `.env` or files, and appear nowhere."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from config.load import ConfigError, load_settings
from config.logs import HIDDEN, RedactingFormatter, redactor, set_up_logs
from config.schema import Settings
from config.secrets import Secrets, load_secrets
from config.service import Logging
from config.trading import Api
from tests.config.conftest import Fail

TOKEN = '4242:AAF-very/secret+"quoted"=ü'


@pytest.fixture
def secrets(home: Path, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    """Secrets with one token."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    return load_secrets(home)


@pytest.fixture
def logs(home: Path, secrets: Secrets) -> Iterator[Path]:
    """The log file of a process that knows the token."""
    before = logging.getLogger().level
    set_up_logs(Logging(), home, secrets)
    yield home / "logs" / "bot.log"
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler.formatter, RedactingFormatter):
            logging.getLogger().removeHandler(handler)
            handler.close()
    logging.getLogger().setLevel(before)
    structlog.reset_defaults()


def test_nothing_given_means_none(home: Path) -> None:
    assert load_secrets(home) == Secrets()
    assert Secrets().revealed() == frozenset()


def test_the_environment_wins_over_env_files_and_those_over_named_files(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / "token"
    file.write_text("from-file\n")
    monkeypatch.setenv("DISCORD_BOT_TOKEN_FILE", str(file))
    assert _token(home) == "from-file"
    (home / ".env").write_text("DISCORD_BOT_TOKEN='from $HOME env'\n")
    assert _token(home) == "from $HOME env"
    Path(".env").write_text("DISCORD_BOT_TOKEN=from-here\n")
    assert _token(home) == "from-here"
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "from-process")
    assert _token(home) == "from-process"
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "")
    assert _token(home) == "from-here"


def _token(home: Path) -> str | None:
    token = load_secrets(home).discord_bot_token
    return token.get_secret_value() if token else None


def test_the_settings_may_name_another_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_ACCOUNT", "abcdefgh")
    secrets = load_secrets(home, Api(key="${SECOND_ACCOUNT}"))
    assert secrets.revealed() == {"abcdefgh"}


def test_a_named_file_that_cannot_be_read_is_a_problem(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(home / "none"))
    with pytest.raises(ConfigError, match="BINANCE_API_KEY_FILE"):
        load_secrets(home)


def test_secrets_do_not_show(secrets: Secrets) -> None:
    for text in (repr(secrets), str(secrets), f"{secrets}", repr(secrets.model_dump()), secrets.model_dump_json()):
        assert TOKEN not in text
        assert "very" not in text
    assert secrets.revealed() == {TOKEN}
    assert pickle.loads(pickle.dumps(secrets)) == secrets  # noqa: S301 - our own


@pytest.mark.parametrize(
    "where", ["api: {key: %s}", "api: {secret: [%s]}", "chat: {telegram: {token: %s}}", "token: %s"]
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(fail: Fail, where: str) -> None:
    error = fail(where % "hunter2hunter2")
    assert "environment" in str(error)
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.problems)
    assert "hunter2" not in told


def test_a_variable_inside_a_wrong_value_is_not_resolved_in_the_message(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    overrides = {"ai_agent.base_url": "${TELEGRAM_BOT_TOKEN}", "chat.time_zone": "${TELEGRAM_BOT_TOKEN}"}
    with pytest.raises(ConfigError) as caught:
        load_settings(home=home, overrides=overrides)
    assert "very" not in "".join(traceback.format_exception(caught.value))
    assert "${TELEGRAM_BOT_TOKEN}" in str(caught.value)


def test_the_log_hides_secrets_wherever_they_are(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("batuta.test")
    log.info("started", token=TOKEN, nested={"url": f"https://host/bot{TOKEN}/getMe"}, error=ValueError(TOKEN))
    logging.getLogger("plain").warning("token %s", TOKEN)
    try:
        raise RuntimeError(f"no answer from https://host/bot{TOKEN}")
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("plain").exception("failed too")
    written = logs.read_text(encoding="utf-8")
    assert "very" not in written
    assert written.count(HIDDEN) >= 5
    assert "Traceback" in written
    assert all(json.loads(line)["timestamp"] for line in written.splitlines())
    assert "very" not in capsys.readouterr().err


def test_the_log_keeps_to_its_level_and_silences_libraries(logs: Path) -> None:
    structlog.get_logger("batuta.test").debug("quiet")
    logging.getLogger("httpx").info("HTTP Request: GET https://host")
    structlog.get_logger("batuta.test").info("loud", amount=Settings().trading.capital_per_pair_usd)
    (line,) = logs.read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["amount"]) == ("loud", "info", "8")


def test_setting_up_twice_writes_once(logs: Path, home: Path, secrets: Secrets) -> None:
    redact = set_up_logs(Logging(log_to_console=False), home, secrets, debug=True)
    structlog.get_logger("batuta.test").debug("once")
    assert len(logs.read_text(encoding="utf-8").splitlines()) == 1
    assert redact(f"x{TOKEN}x") == f"x{HIDDEN}x"


def test_a_redactor_without_secrets_changes_nothing() -> None:
    assert redactor(["", "abc"])("abc") == "abc"
