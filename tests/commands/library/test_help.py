"""/help."""

from __future__ import annotations

import re

import pytest

from commands.parse import parse
from commands.reply import Text
from tests.commands.library.stage import REGISTRY, Stage, lines, value


async def test_only_what_this_person_may_run_grouped() -> None:
    viewer, owner = await Stage().one("/help", "vera"), await Stage().one("/help", "olga")
    assert isinstance(viewer, Text)
    assert isinstance(owner, Text)
    assert viewer.text.startswith("See\n/balance – ")
    assert "/grid" not in viewer.text.split("More about one")[0]
    assert "/logs" not in viewer.text
    assert "/grid – Start a grid: buys below, sells above, again and again" in owner.text
    assert "/confirm" not in owner.text
    assert all(f"/{each.name} – " in owner.text for each in REGISTRY.all() if not each.hidden)


async def test_one_command_in_detail_with_examples() -> None:
    card = await Stage().card("/help grid")
    assert card.title.startswith("/grid: ")
    assert "/grid BTC/USDT 58000 64000 20 1000" in card.note
    assert value(card, "out_of_range").endswith("(one of: hold, stop_keep, stop_sell, recentre)")
    assert value(card, "Before it runs") == "you see the plan and confirm"
    assert value(card, "Who") == "trader or more"


@pytest.mark.parametrize("name", [each.name for each in REGISTRY.all() if not each.hidden])
async def test_every_command_has_a_page_and_examples_that_parse(name: str) -> None:
    card = await Stage().card(f"/help {name}", "olga")
    assert len(card.title) <= 256
    assert len(card.note) <= 1000
    for line in re.findall(r"(?:: |· )(/[^·\n]+)", card.note):
        command = REGISTRY.get(line.split()[0].removeprefix("/"))
        assert command is not None, line
        assert isinstance(parse(command, line), dict), line


async def test_what_one_may_not_run_is_as_unknown_as_a_misspelling() -> None:
    failure = await Stage().failure("/help grid", "vera")
    assert failure.problem == "You have no such command."
    assert lines(await Stage().failure("/help statsu")) == ["/help status"]
