"""Keys and tokens: read from the environment, `.env` or files, held so that they cannot be printed by accident."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

from config.environment import environment
from config.paths import batuta_home
from config.problems import ConfigError, Problem
from config.trading import Api

_API = {
    "binance_api_key": "key",
    "binance_api_secret": "secret",
    "binance_testnet_api_key": "testnet_key",
    "binance_testnet_api_secret": "testnet_secret",
}
"""Which secret is found under the name given by which setting of ``api``."""


class Secrets(BaseModel):
    """Every secret, each None when not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    binance_api_key: SecretStr | None = None
    binance_api_secret: SecretStr | None = None
    binance_testnet_api_key: SecretStr | None = None
    binance_testnet_api_secret: SecretStr | None = None
    telegram_bot_token: SecretStr | None = None
    telegram_chat_id: SecretStr | None = None
    discord_bot_token: SecretStr | None = None
    reddit_client_id: SecretStr | None = None
    reddit_client_secret: SecretStr | None = None
    reddit_user_agent: SecretStr | None = None

    def api(self, mode: str) -> tuple[str | None, str | None]:
        """Return key and secret of the exchange for a mode, each None when not given; shadow mode uses none."""
        pair = {
            "production": (self.binance_api_key, self.binance_api_secret),
            "testnet": (self.binance_testnet_api_key, self.binance_testnet_api_secret),
        }.get(mode, (None, None))
        key, secret = (each.get_secret_value() if each is not None else None for each in pair)
        return key, secret

    def revealed(self) -> frozenset[str]:
        """Return the plain text of all keys and tokens, for the one purpose of removing them from other texts."""
        public = {"telegram_chat_id", "reddit_user_agent"}
        held = (getattr(self, name) for name in type(self).model_fields if name not in public)
        return frozenset(secret.get_secret_value() for secret in held if secret is not None)


def load_secrets(home: Path | None = None, api: Api | None = None) -> Secrets:
    """Return the secrets of the environment, then of `.env`, then of the files named by ``NAME_FILE``.

    ``api`` (the settings of that name) may say under which other names the exchange keys are found.
    Raises ``ConfigError`` for a file that cannot be read.
    """
    variables = environment(home or batuta_home())
    problems: list[Problem] = []
    found: dict[str, SecretStr] = {}
    for field in Secrets.model_fields:
        name = re.sub(r"[${}]", "", getattr(api or Api(), _API[field])) if field in _API else field.upper()
        if (value := _value(name, variables, problems)) is not None:
            found[field] = SecretStr(value)
    if problems:
        raise ConfigError(problems)
    return Secrets(**found)


def _value(name: str, variables: Mapping[str, str], problems: list[Problem]) -> str | None:
    if name in variables:
        return variables[name].strip()
    file = variables.get(f"{name}_FILE")
    if file is None:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        problems.append(
            Problem(
                source=f"environment variable {name}_FILE",
                field="",
                given=f"{file!r}, which cannot be read",
                accepted="the path of a text file that holds the secret alone",
            )
        )
        return None
