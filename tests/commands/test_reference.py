"""Documentation that is made from the code, and the check that it was."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

from commands import reference
from commands.reference import command_pages, command_table, main, refresh, refusal_table, settings_pages
from commands.registry import Registry, command_of
from config.diagnosis import setting_names
from data.orders import RefusalCode
from tests.commands.house import World, commands_of
from tests.commands.test_registry import paint

REGISTRY = Registry([*commands_of(World()), command_of(paint)])
MADE = ("README.md", "docs/commands.md", "docs/risk.md", "docs/settings.md")


def test_the_table_has_every_visible_command() -> None:
    table = command_table(REGISTRY)
    assert table.count("\n") == 1 + sum(not each.hidden for each in REGISTRY.all())
    assert "| `/golive` | Go live | owner | a plan to confirm, and a one-time code |" in table
    assert "confirm" not in {line.split("`")[1] for line in table.splitlines()[2:]}


def test_pages_have_details_and_parameters() -> None:
    pages = command_pages(REGISTRY)
    assert pages.count("## Act\n") == 1
    assert "### /paint\n\nPaint a wall.\n" in pages
    assert "Never in the rain." in pages
    assert "| `coats` | how often | a whole number, above 0 | `2` |" in pages
    assert "| `wall` | which wall | a text | required |" in pages
    assert "/discard" not in pages


def test_every_refusal_is_explained() -> None:
    assert all(f"`{code.value}`" in refusal_table() for code in RefusalCode)


def test_every_setting_has_a_row_in_its_section() -> None:
    pages = settings_pages()
    assert all(f"\n| `{name}` | " in pages for name in setting_names())
    assert all(f"## {name}\n" in pages for name in ("grid", "risk_management", "chat"))
    assert "| `grid.initial_levels` | `10` | " in pages
    assert "*Not used yet.*" in next(line for line in pages.splitlines() if "`trading.allow_market_switching`" in line)


def test_documents_are_made_once_and_then_agree(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("before\n<!-- commands:begin -->\nold\n<!-- commands:end -->\nafter\n")
    assert refresh(tmp_path, REGISTRY, check=True) == MADE
    assert not (tmp_path / "docs").exists()
    assert refresh(tmp_path, REGISTRY, check=False) == MADE
    assert refresh(tmp_path, REGISTRY, check=True) == ()
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("before\n")
    assert readme.endswith("-->\nafter\n")
    assert "old" not in readme


def test_a_readme_without_markers_is_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing here")
    with pytest.raises(SystemExit, match=r"README\.md"):
        refresh(tmp_path, REGISTRY, check=False)


def test_the_check_fails_until_it_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("<!-- commands:begin --><!-- commands:end -->")
    assert main(["--check"], tmp_path) == 1
    assert "out of date" in capsys.readouterr().out
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    assert capsys.readouterr().out.count("written") == len(MADE)


def test_run_as_a_program_its_exit_status_is_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Path(reference.__file__)
    monkeypatch.setattr("sys.argv", [os.fspath(program), "--check"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(os.fspath(program), run_name="__main__")
    assert ended.value.code == main(["--check"])
