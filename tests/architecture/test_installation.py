"""What is installed is what is pinned: constraints cover every dependency, and make and the container agree."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHOSEN = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


def _pins() -> dict[str, str]:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return {canonicalize_name(name): pin for name, pin in re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE)}


def _closure() -> set[str]:
    found: set[str] = set()
    waiting = [Requirement(each) for each in CHOSEN]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found.add(name)
        needs = [Requirement(each) for each in distribution(name).requires or ()]
        extras = requirement.extras or {""}
        waiting += [each for each in needs if any(_applies(each, extra) for extra in extras)]
    return found - {"pip"}  # comes with every virtual environment


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def test_every_dependency_is_pinned_and_installed_as_pinned() -> None:
    pins = _pins()
    unpinned = {name for name in _closure() if pins.get(name) != version(name)}
    assert not unpinned


def test_nothing_else_is_pinned() -> None:
    assert not set(_pins()) - _closure()


@pytest.mark.parametrize("requirement", CHOSEN)
def test_every_choice_has_its_reason(requirement: str) -> None:
    name = Requirement(requirement).name
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert re.search(rf"^# {re.escape(name)}: \S.*\n{re.escape(name)}==", text, re.MULTILINE | re.IGNORECASE)


def test_the_constraints_name_no_place() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--hash|^-", text, re.MULTILINE)


def test_container_and_make_install_alike() -> None:
    docker = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--constraint constraints.txt ." in docker
    assert "--constraint constraints.txt --editable ." in make


def test_the_changelog_names_this_version() -> None:
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
