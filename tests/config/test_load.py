"""Settings load as a whole or not at all, from defaults, file, environment and overrides."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.load import ConfigError, load_settings
from config.schema import Settings
from tests.config.conftest import Fail, Load

EXAMPLE = Path(__file__).with_name("seed_example.yaml")


def test_the_example_of_the_first_documents_loads(home: Path) -> None:
    settings = load_settings(EXAMPLE, home)
    assert settings.operation_mode == "production"
    assert settings.trading.capital_per_pair_usd == Decimal(8)
    assert settings.grid.initial_spacing_perc == Decimal("0.005")
    assert settings.pair_selection.blacklist == ("EXAMPLE/USDT",)
    assert settings.ai_agent.enabled
    assert settings.sentiment_agent.sources["reddit"].weight == 0.6
    assert settings.api.key == "${BINANCE_API_KEY}"


def test_nothing_given_means_the_defaults(home: Path) -> None:
    assert load_settings(home=home) == Settings()


def test_an_empty_file_means_the_defaults(load: Load) -> None:
    assert load("# nothing yet\n") == Settings()


@pytest.mark.parametrize(
    ("written", "mode"),
    [("Production", "production"), ("Shadow", "shadow"), ("Test", "testnet"), ("testnet", "testnet")],
)
def test_modes_are_read_in_any_case(load: Load, written: str, mode: str) -> None:
    assert load(f"operation_mode: {written}").operation_mode == mode


def test_each_layer_wins_over_the_one_below(load: Load, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "grid: {initial_levels: 20, leverage: 2}\n"
    assert load(text).grid.initial_levels == 20
    (home / ".env").write_text("BATUTA_GRID__INITIAL_LEVELS=30\n")
    assert load(text).grid.initial_levels == 30
    Path(".env").write_text("BATUTA_GRID__INITIAL_LEVELS=40\n")
    assert load(text).grid.initial_levels == 40
    monkeypatch.setenv("BATUTA_GRID__INITIAL_LEVELS", "50")
    assert load(text).grid.initial_levels == 50
    settings = load_settings(home=home, overrides={"grid.initial_levels": 60})
    assert settings.grid.initial_levels == 60
    assert settings.grid.leverage == 2


def test_overrides_may_be_nested_or_dotted(home: Path) -> None:
    overrides = {"chat": {"locale": "pt_BR"}, "chat.console.enabled": False, "operation_mode": "testnet"}
    settings = load_settings(home=home, overrides=overrides)
    assert (settings.chat.locale, settings.chat.console.enabled) == ("pt_BR", False)
    assert settings.operation_mode == "testnet"


def test_one_variable_sets_a_top_level_setting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATUTA_OPERATION_MODE", "Test")
    monkeypatch.setenv("BATUTA_HOME", str(home))
    assert load_settings().operation_mode == "testnet"


def test_a_mistake_in_a_variable_names_the_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATUTA_GRID__LEVELS", "12")
    with pytest.raises(ConfigError, match="environment variable BATUTA_GRID__LEVELS: grid.levels"):
        load_settings(home=home)


def test_texts_take_variables(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA", "http://10.0.0.5:11434")
    settings = load("ai_agent: {base_url: '${OLLAMA}'}\nchat: {locale: '${LANGUAGE_OF_NOBODY:-pt_BR}'}")
    assert settings.ai_agent.base_url == "http://10.0.0.5:11434"
    assert settings.chat.locale == "pt_BR"


def test_a_variable_that_is_not_set_is_a_problem_told_once(fail: Fail) -> None:
    error = fail("chat: {locale: '${LANGUAGE_OF_NOBODY}'}")
    assert [problem.field for problem in error.problems] == ["chat.locale"]
    assert "LANGUAGE_OF_NOBODY" in str(error)


def test_keys_need_not_be_set_to_load(home: Path) -> None:
    assert load_settings(EXAMPLE, home).api.secret == "${BINANCE_API_SECRET}"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().grid.leverage = 5  # type: ignore[misc] # the point of the test


def test_a_file_that_was_named_must_exist(home: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere.yaml"):
        load_settings(home / "nowhere.yaml", home)


def test_colons_and_noes_are_texts(load: Load) -> None:
    settings = load("scheduler: {digest_time: 18:30}\nchat: {locale: no}")
    assert (settings.scheduler.digest_time, settings.chat.locale) == ("18:30", "no")


def test_the_chosen_preset_is_completed(load: Load) -> None:
    settings = load("ai_agent: {preset: b, model_presets: {a: {model_name: x}, b: {model_name: y, temperature: 1}}}")
    model = settings.ai_agent.model
    assert (model.model_name, model.temperature, model.max_tokens) == ("y", 1.0, 1000)
