"""What a function's signature says, and what the table refuses."""

from __future__ import annotations

import types
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from annotated_types import Gt

from commands.context import Context
from commands.plan import Answer
from commands.registry import Param, ParameterKind, Registry, Role, Tier, command, command_of, discover
from commands.reply import Text
from data.grids import Trigger


class Colour(StrEnum):
    """Two colours."""

    RED = "red"
    DEEP_BLUE = "deep_blue"


@command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
async def paint(
    ctx: Context,
    wall: Annotated[str, Param("which wall", complete="symbol")],
    colour: Annotated[Colour, Param("which colour")],
    coats: Annotated[int, Param("how often"), Gt(0)] = 2,
    litres: Annotated[Decimal | None, Param("how much")] = None,
    dry: Annotated[bool, Param("wait until it is dry")] = False,
    stop: Annotated[Trigger | None, Param("when to stop")] = None,
) -> Answer:
    """Paint a wall

    Twice, if need be.

    Never in the rain.
    """
    return Text(text=wall)


def test_everything_comes_from_the_signature() -> None:
    found = command_of(paint)
    assert (found.name, found.role, found.tier, found.group, found.hidden) == (
        "paint", Role.TRADER, Tier.MONEY, "Act", False,
    )  # fmt: skip
    assert found.help == "Paint a wall"
    assert found.details == "Twice, if need be.\n\nNever in the rain."
    assert found.usage == "/paint wall colour [coats] [litres] [dry] [stop]"
    assert [(each.name, each.kind, each.required, each.optional, each.default) for each in found.parameters] == [
        ("wall", ParameterKind.TEXT, True, False, None),
        ("colour", ParameterKind.CHOICE, True, False, None),
        ("coats", ParameterKind.INTEGER, False, False, 2),
        ("litres", ParameterKind.NUMBER, False, True, None),
        ("dry", ParameterKind.FLAG, False, False, False),
        ("stop", ParameterKind.TEXT, False, True, None),
    ]
    assert found.parameters[0].complete == "symbol"
    assert found.parameters[1].choices == ("red", "deep_blue")
    assert found.parameter("coats") is found.parameters[2]
    assert found.parameter("roof") is None


def _undocumented(ctx: Context) -> Any:
    raise AssertionError


async def _no_help(ctx: Context) -> Answer:
    raise AssertionError


async def no_words(ctx: Context) -> Answer:
    raise AssertionError


async def plain_type(ctx: Context, wall: str) -> Answer:
    """Take a bare type"""
    raise AssertionError


async def no_param(ctx: Context, wall: Annotated[str, Gt(0)]) -> Answer:
    """Take a parameter without help"""
    raise AssertionError


async def strange(ctx: Context, wall: Annotated[float, Param("a float")]) -> Answer:
    """Take a float"""
    raise AssertionError


def not_async(ctx: Context) -> Any:
    """Not be async"""
    raise AssertionError


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (_no_help, ValueError), (no_words, ValueError), (plain_type, TypeError), (no_param, TypeError),
        (strange, TypeError), (not_async, TypeError),
    ],
)  # fmt: skip
def test_what_cannot_be_a_command_is_refused_at_import(handler: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="command"):
        command()(handler)


def test_a_plain_function_is_no_command() -> None:
    with pytest.raises(LookupError):
        command_of(no_words)


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Registry([command_of(paint), command_of(paint)])


def test_near_names_are_offered() -> None:
    registry = discover()
    assert registry.near("discrad") == ()
    assert registry.near("discrad", ["discard"]) == ("discard",)
    assert registry.get("confirm") is not None
    assert registry.get("nothing") is None


def test_a_module_without_its_command_is_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "odd_library"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "lonely.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(LookupError, match="there is no function lonely"):
        discover("odd_library")


def test_every_file_of_the_library_is_found() -> None:
    folder = Path(__file__).parents[2] / "commands" / "library"
    names = {file.stem for file in folder.glob("*.py") if file.stem != "__init__"}
    assert {each.name for each in discover().all()} == names


def test_a_handler_may_import_context_for_the_type_checker_alone() -> None:
    source = '''
from __future__ import annotations
from typing import Annotated
from commands.registry import Param, command
@command()
async def lazy(ctx: Context, wall: Annotated[str, Param("which")]) -> Answer:
    """Be lazy"""
'''
    module = types.ModuleType("lazy_module")
    exec(source, module.__dict__)  # noqa: S102 - the source above
    assert command_of(module.lazy).parameters[0].name == "wall"
