"""The kinds of value a setting may hold: their types, their ranges, and how to say what is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo


class Says:
    """Carries the words for what a setting accepts, where its type alone does not tell."""

    def __init__(self, words: str) -> None:
        """Remember the words."""
        self.words = words


class Section(BaseModel):
    """A frozen group of settings that knows all its keys and refuses any other."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are not numbers")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


_Number = Annotated[Decimal, BeforeValidator(_not_bool)]
_Whole = Annotated[int, BeforeValidator(_not_bool)]

Count = Annotated[_Whole, Field(ge=0)]
"""How many; zero means none."""
Positive = Annotated[_Whole, Field(ge=1)]
"""How many; at least one."""
Seconds = Annotated[_Whole, Field(ge=1)]
Minutes = Annotated[_Whole, Field(ge=1)]
Hours = Annotated[_Whole, Field(ge=1)]
Leverage = Annotated[_Whole, Field(ge=1, le=125)]
Money = Annotated[_Number, Field(ge=0)]
"""An amount of the quote currency."""
Percent = Annotated[_Number, Field(ge=0, le=100)]
"""0 to 100; five per cent is 5."""
Fraction = Annotated[_Number, Field(ge=0, le=1)]
"""0 to 1; five per cent is 0.05."""
BasisPoints = Annotated[_Number, Field(ge=0, le=10_000)]
"""Hundredths of a per cent."""
Ratio = Annotated[_Number, Field(gt=0)]
Weight = Annotated[float, BeforeValidator(_not_bool), Field(ge=0, allow_inf_nan=False)]
"""A weight of a model; not money."""
Score = Annotated[float, BeforeValidator(_not_bool), Field(ge=-1, le=1, allow_inf_nan=False)]
"""A sentiment: -1 is fear, 1 is joy; not money."""
Text = Annotated[str, Field(min_length=1)]
Address = Annotated[str, Field(pattern=r"^(https?|wss?)://\S+$"), Says("an address such as http://127.0.0.1:8080")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Says("a time of day such as 08:00")]
EnvName = Annotated[str, Field(pattern=r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"), Says("${NAME} of an environment variable")]
"""Where a secret is found; never the secret."""
Market = Annotated[Literal["spot", "futures"], BeforeValidator(_lower)]
PositionSide = Annotated[Literal["BOTH", "LONG", "SHORT"], BeforeValidator(_upper)]
Algorithm = Annotated[Literal["PPO", "A2C", "DQN", "SAC"], BeforeValidator(_upper)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
Switch = Annotated[bool | Literal["auto"], Says("true, false or auto")]
"""On, off, or on exactly when its token is there."""


def accepted(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Say in words which values a type with its constraints accepts."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return accepted(inner, [*more, *metadata])
    flat = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    for part in flat:
        if isinstance(part, Says):
            return part.words
    return _base(annotation, nonempty=any(isinstance(part, MinLen) for part in flat)) + _range(flat)


def _base(annotation: Any, *, nonempty: bool) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        words = [accepted(each) for each in arguments if each is not NoneType]
        return " or ".join([*words, "null"] if NoneType in arguments else words)
    if origin is Literal:
        return "one of: " + ", ".join(map(str, arguments))
    if origin is tuple:
        return f"a list, each {accepted(arguments[0])}"
    if origin is dict:
        return f"a mapping from names, each to {accepted(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a section with " + ", ".join(annotation.model_fields)
    plain = {bool: "true or false", int: "a whole number", Decimal: "a number", float: "a number"}
    return plain.get(annotation, "a text that is not empty" if nonempty else "a text")


def _range(metadata: list[Any]) -> str:
    """Say the bounds; of several, the outermost is the strictest."""
    low: str | None = None
    high: str | None = None
    for part in metadata:
        match part:
            case Ge(ge=bound):
                low = f"{bound}"
            case Gt(gt=bound):
                low = f"above {bound}"
            case Le(le=bound):
                high = f"{bound}"
            case _:
                pass
    if low and high:
        return f", {low} to {high}"
    return f", {low} or more" if low and not low.startswith("above") else f", {low}" if low else ""
