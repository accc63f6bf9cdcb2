"""Imports point one way, foreign libraries stay in their place, and starting up pulls in nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.architecture.source import ROOT

CONTRACTS = 13
HEAVY = ("torch", "stable_baselines3", "numba", "matplotlib", "pandas")
STARTERS = ("config.load", "config.logs", "commands", "scheduler", "engine", "chatbot.app", "chatbot.__main__")


def test_every_import_contract_holds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    status = lint_imports(no_cache=True)
    told = capsys.readouterr().out
    assert status == 0, told
    assert int(re.findall(r"(\d+) kept", told)[-1]) >= CONTRACTS


@pytest.mark.parametrize("module", STARTERS)
def test_starting_pulls_in_nothing_heavy(module: str) -> None:
    heavy = _loaded_by(f"import {module}")
    assert not heavy


def test_heavy_imports_are_noticed() -> None:
    assert _loaded_by("import matplotlib") == ["matplotlib"]


def _loaded_by(statement: str) -> list[str]:
    code = f"import sys\n{statement}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=Path(ROOT), capture_output=True, text=True, check=True)
    return found.stdout.split()
