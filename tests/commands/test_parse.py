"""From a line to arguments and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Le, Lt
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from commands.context import Context
from commands.parse import Line, Word, accepted, assign, bind, parse, parse_trigger, render, split
from commands.plan import Answer
from commands.registry import Param, command, command_of
from commands.reply import Failure, Text
from data.grids import Trigger, TriggerKind
from tests.commands.test_registry import Colour, paint

PAINT = command_of(paint)


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number")
    return value


@command()
async def bounds(
    ctx: Context,
    percent: Annotated[Decimal, Param("a share"), Ge(0), Le(100)],
    steps: Annotated[int, Param("steps"), Field(gt=0, lt=10)] = 1,
    even: Annotated[int, Param("even"), AfterValidator(_even)] = 2,
    below: Annotated[Decimal | None, Param("below one"), Lt(1)] = None,
    stop: Annotated[Trigger | None, Param("stop"), AfterValidator(lambda value: value)] = None,
) -> Answer:
    """Take values within bounds"""
    return Text(text="")


@command()
async def nothing(ctx: Context) -> Answer:
    """Take nothing"""
    return Text(text="")


BOUNDS = command_of(bounds)


@pytest.mark.parametrize(
    ("line", "name", "words"),
    [
        ("/PNL@Batuta_Bot 1 7d", "pnl", (Word("1"), Word("7d"))),
        ("pnl", "pnl", ()),
        ("", "", ()),
        ("  /a   b\tc\n d ", "a", (Word("b"), Word("c"), Word("d"))),
        ('/a "two words" Name="x y"', "a", (Word("two words"), Word("x y", "name"))),
        ("/a “two words” 'and three'", "a", (Word("two words"), Word("and three"))),
        ("/a don't", "a", (Word("don't"),)),
        (r'/a "q\"uo\\te"', "a", (Word('q"uo\\te'),)),
        ('/a x= y=""', "a", (Word("", "x"), Word("", "y"))),
        ("/a 1=2", "a", (Word("1=2"),)),
    ],
)
def test_lines_are_taken_apart(line: str, name: str, words: tuple[Word, ...]) -> None:
    assert split(line) == Line(name, words)


@pytest.mark.parametrize("line", ['/a "open', "/a “open", "/a 'open", '/a "x"y', "/a =5", "/a " + "x" * 1000])
def test_unreadable_lines_are_refused(line: str) -> None:
    failure = split(line)
    assert isinstance(failure, Failure)
    assert failure.accepted


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/paint north red", {}),
        ("/paint colour=RED wall=north", {}),
        ("/paint north deep-blue 3", {"colour": Colour.DEEP_BLUE, "coats": 3}),
        ('/paint north "Deep Blue" #3', {"colour": Colour.DEEP_BLUE, "coats": 3}),
        ("/paint coats=4 north red 0.5", {"coats": 4, "litres": Decimal("0.5")}),
        ("/paint north red litres=None dry=on", {"dry": True}),
        ("/paint north red stop=10%", {"stop": Trigger(TriggerKind.PERCENT, Decimal(10))}),
        ("/paint north red stop=25000", {"stop": Trigger(TriggerKind.PRICE, Decimal(25000))}),
        ("/paint north red stop=none", {}),
    ],
)
def test_arguments_are_bound(line: str, expected: dict[str, Any]) -> None:
    base = {"wall": "north", "colour": Colour.RED, "coats": 2, "litres": None, "dry": False, "stop": None}
    assert parse(PAINT, line) == base | expected


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("/paint north", "colour", ""),
        ("/paint north green", "colour", "green"),
        ("/paint north red 1,000", "coats", "1,000"),
        ("/paint north red 1.5", "coats", "1.5"),
        ("/paint north red litres=1,000", "litres", "1,000"),
        ("/paint north red litres=1_000", "litres", "1_000"),
        ("/paint north red litres=1.000,5", "litres", "1.000,5"),
        ('/paint north red litres="1 000"', "litres", "1 000"),
        ("/paint north red litres=1e3", "litres", "1e3"),
        ("/paint north red litres=NaN", "litres", "NaN"),
        ("/paint north red litres=10%", "litres", "10%"),
        ("/paint north red litres=١", "litres", "١"),
        ("/paint north red dry=maybe", "dry", "maybe"),
        ("/paint north red dry=none", "dry", "none"),
        ("/paint north red stop=5%%", "stop", "5%%"),
        ("/paint north red stop=0", "stop", "0"),
        ("/paint north red stop=-5%", "stop", "-5%"),
        ("/paint north red coats=0", "coats", "0"),
        ("/paint north red roof=1", "roof", "1"),
        ("/paint wall=a wall=b red", "wall", "b"),
        ("/paint a red 1 1 yes 5% extra", "", "extra"),
        ('/paint "open', "", '"open'),
    ],
)
def test_nothing_is_guessed(line: str, field: str, value: str) -> None:
    failure = parse(PAINT, line)
    assert isinstance(failure, Failure)
    assert (failure.field, failure.value) == (field, value)
    assert failure.problem
    assert failure.accepted


def test_typed_options_with_an_unknown_name_are_refused() -> None:
    failure = bind(PAINT, {"roof": "1"})
    assert isinstance(failure, Failure)
    assert failure.field == "roof"


def test_a_command_without_parameters_says_so() -> None:
    failure = assign(command_of(nothing), (Word("x", "y"),))
    assert isinstance(failure, Failure)
    assert failure.accepted == "nothing"


def test_a_long_value_is_echoed_in_part() -> None:
    failure = parse(PAINT, f"/paint north {'x' * 500}")
    assert isinstance(failure, Failure)
    assert len(failure.value) == 80


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/bounds 101", "a number such as 1000 or 0.5, without separators and units, at least 0, at most 100"),
        ("/bounds 1 steps=10", "a whole number, above 0, below 10"),
        ("/bounds 1 even=3", "an even number"),
        ("/bounds 1 below=1", "a number such as 1000 or 0.5, without separators and units, below 1"),
    ],
)
def test_bounds_are_said(line: str, says: str) -> None:
    failure = parse(BOUNDS, line)
    assert isinstance(failure, Failure)
    assert failure.accepted == says


def test_values_within_bounds_pass() -> None:
    trigger = Trigger(TriggerKind.PERCENT, Decimal("2.5"))
    assert parse(BOUNDS, "/bounds 100 9 4 0.5 2.5%") == {
        "percent": Decimal(100), "steps": 9, "even": 4, "below": Decimal("0.5"), "stop": trigger,
    }  # fmt: skip


def test_every_kind_says_what_it_takes() -> None:
    says = {each.name: accepted(each) for each in PAINT.parameters}
    assert says["wall"] == "a text"
    assert says["colour"] == "one of: red, deep_blue"
    assert says["coats"] == "a whole number, above 0"
    assert says["dry"] == "yes or no"
    assert says["stop"] == "a price such as 25000, or a percentage such as 10%"


@given(
    wall=st.text(max_size=40).filter(lambda text: "\x00" not in text),
    colour=st.sampled_from(Colour),
    coats=st.integers(1, 10**17),
    litres=st.none() | st.decimals(-(10**9), 10**9, places=8),
    dry=st.booleans(),
    stop=st.none() | st.builds(Trigger, st.sampled_from(TriggerKind), st.decimals("0.00000001", 10**9, places=8)),
)
def test_parse_undoes_render(**arguments: Any) -> None:
    assert parse(PAINT, render(PAINT, arguments)) == arguments


@given(st.text(max_size=60))
def test_any_line_is_read_or_refused_but_never_breaks(line: str) -> None:
    assert isinstance(parse(PAINT, line), dict | Failure)


@given(st.text(max_size=12))
def test_a_trigger_is_above_zero_or_nothing(text: str) -> None:
    found = parse_trigger(text)
    assert found is None or found.value > 0


def test_a_missing_argument_renders_as_its_default() -> None:
    assert render(PAINT, {"wall": "a b", "colour": Colour.RED}) == '/paint "a b" red'
    assert render(BOUNDS, {"percent": None}) == "/bounds none"
