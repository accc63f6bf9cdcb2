"""The source keeps the house rules; each rule is shown to bite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.source import PACKAGES, ROOT, Found, modules, relative

SLEEPERS = frozenset(
    {
        "engine/clock.py",  # the one place that waits
    }
)
"""Product modules that may call ``asyncio.sleep``; each with its reason."""
CLOCKS = frozenset({"engine/clock.py"})
"""Modules that may ask the system for the time."""
PRINTERS = ("chatbot/cli", "chatbot/__main__.py", "chatbot/platforms/console", "commands/reference.py")
"""Where printing is the job."""
EXACT = ("data/", "engine/grid/")
"""Where money is Decimal without exception."""

Rule = Callable[[Path], Iterator[Found]]


def _told(found: list[Found]) -> str:
    return "\n".join(map(str, found))


def _broken(rule: Rule, *packages: str) -> list[Found]:
    return [each for file in modules(*packages) for each in rule(file)]


@pytest.mark.parametrize(
    "rule",
    [rules.too_long, rules.long_bodies, rules.vague_names, rules.missing_module_docstring],
    ids=lambda rule: rule.__name__,
)
def test_product_and_tests_keep_the_rule(rule: Rule) -> None:
    broken = _broken(rule, *PACKAGES, "tests")
    assert not broken, _told(broken)


@pytest.mark.parametrize("rule", [rules.wide_classes, rules.missing_docstrings], ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    broken = _broken(rule)
    assert not broken, _told(broken)


def test_only_the_clock_knows_the_time() -> None:
    broken = [each for each in _broken(rules.own_time) if each.path not in CLOCKS]
    assert not broken, _told(broken)


def test_only_the_console_prints() -> None:
    broken = [each for each in _broken(lambda file: rules.called(file, "print")) if not each.path.startswith(PRINTERS)]
    assert not broken, _told(broken)


def test_money_is_never_a_float() -> None:
    broken = [each for each in _broken(lambda file: rules.called(file, "float")) if each.path.startswith(EXACT)]
    assert not broken, _told(broken)


def test_only_named_modules_wait() -> None:
    broken = [each for each in _broken(rules.waits) if each.path not in SLEEPERS]
    assert not broken, _told(broken)


@pytest.mark.parametrize(
    "package",
    [file.parent for file in modules() if file.name == "__init__.py"],
    ids=relative,
)
def test_every_package_lists_exactly_its_modules(package: Path) -> None:
    broken = list(rules.wrong_contents(package))
    assert not broken, _told(broken)


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {file.parent for file in modules(*PACKAGES, "tests")}
    lacking = [relative(folder) for folder in folders if not (folder / "__init__.py").exists()]
    assert not lacking


def test_the_six_packages_are_the_only_ones() -> None:
    found = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert found == {*PACKAGES, "tests"}


@pytest.mark.parametrize(
    ("rule", "name", "code"),
    [
        (rules.too_long, "long.py", "x = 1\n" * 401),
        (rules.long_bodies, "body.py", "def f():\n" + "    x = 1\n" * 41),
        (rules.wide_classes, "wide.py", "class C:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(16))),
        (rules.vague_names, "order_utils.py", ""),
        (rules.missing_module_docstring, "silent.py", "x = 1\n"),
        (rules.missing_module_docstring, "stub.py", '"""some words"""\n'),
        (rules.missing_docstrings, "bare.py", "class C:\n    async def f(self): ...\n"),
        (rules.own_time, "now.py", "import datetime\ndatetime.datetime.now(datetime.UTC)\n"),
        (rules.own_time, "time.py", "import time\ntime.time()\n"),
        (rules.waits, "nap.py", "import asyncio\nasync def f(): await asyncio.sleep(0); await asyncio.sleep(1)\n"),
        (lambda file: rules.called(file, "print"), "loud.py", "print(1)\n"),
    ],
)
def test_each_rule_bites(tmp_path: Path, rule: Rule, name: str, code: str) -> None:
    file = tmp_path / name
    file.write_text(code, encoding="utf-8")
    assert len(list(rule(file))) == 1


def test_a_table_of_contents_must_be_exact(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('"""A package.\n\nhere   is here\ngone   is gone\n"""\n')
    (tmp_path / "here.py").touch()
    (tmp_path / "new.py").touch()
    assert [each.what for each in rules.wrong_contents(tmp_path)] == [
        "does not list new",
        "lists gone, which does not exist",
    ]
