"""The texts in a module of the engine, as they may come out: literals, and f-strings with something in each place."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from config.paths import LOCALES

ROOT = LOCALES.parent.parent
FIGURE = "7"
"""What stands for a number, a symbol or a name."""
_WORDS = re.compile(r"[A-Za-z]{2,} [a-z]|[a-z]{2,} ")


def texts_of(module: str, places: Mapping[str, Sequence[str]], *, only: Iterable[str] = ()) -> set[str]:
    """Return every text of a module that has words in it, or of the functions named alone.

    ``places`` holds what may stand for an expression of an f-string, by its code; ``FIGURE`` does for the others, and
    each of both for ``a if b else c``. Texts of other people than users are left out: docstrings, and errors that only
    a programmer can cause (``raise ValueError`` and ``TypeError``).
    """
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    chosen = set(only)
    parts: list[ast.AST] = [tree]
    if chosen:
        parts = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name in chosen]
        assert {each.name for each in parts if isinstance(each, ast.FunctionDef)} == chosen
    return {text for part in parts for text in _texts(part, places) if _WORDS.search(text)}


def inputs_of(*places: str) -> set[str]:
    """Return the names of inputs of decisions that are written down in modules or folders."""
    found: set[str] = set()
    for place in places:
        for file in sorted((ROOT / place).rglob("*.py")) or [ROOT / place]:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(func=ast.Name(id="Input"), args=[ast.Constant(value=str(name)), *_rest]):
                        found.add(name)
                    case _:
                        pass
    return found


def keys_of(module: str) -> set[str]:
    """Return the keys of every dictionary that is written down in a module."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
    return {str(key.value) for key in keys if isinstance(key, ast.Constant)}


def _texts(tree: ast.AST, places: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if _not_said(tree):
        return
    match tree:
        case ast.JoinedStr(values=values):
            choices = [_choices(each, places) for each in values]
            yield from ("".join(each) for each in itertools.product(*choices))
        case ast.Constant(value=str(text)):
            yield text
        case _:
            for child in ast.iter_child_nodes(tree):
                yield from _texts(child, places)


def _not_said(tree: ast.AST) -> bool:
    match tree:
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.Raise(exc=ast.Call(func=ast.Name(id="ValueError" | "TypeError" | "AssertionError" | "TooFewBars"))):
            return True
        case ast.Assign(targets=[ast.Name(id="what")]):
            return True  # the purpose of an agent, which is translated by itself
        case ast.Subscript() | ast.AnnAssign(annotation=ast.Subscript(value=ast.Name(id="ClassVar"))):
            return True
        case _:
            return False


def _choices(part: ast.expr, places: Mapping[str, Sequence[str]]) -> Sequence[str]:
    match part:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.FormattedValue(
            value=ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(two)))
        ):
            return (one, two)
        case ast.FormattedValue(value=value, format_spec=None):
            return places.get(ast.unparse(value), (FIGURE,))
        case ast.FormattedValue():
            return (FIGURE,)  # only figures are formatted
        case _:
            raise AssertionError(ast.dump(part))
