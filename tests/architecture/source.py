"""The project's own source as the architecture tests see it: files, trees, functions and classes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("chatbot", "commands", "config", "data", "engine", "scheduler")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Found(NamedTuple):
    """Something that breaks a rule, and where."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        """Return the place as an editor opens it."""
        return f"{self.path}:{self.line} {self.what}"


def modules(*packages: str, root: Path = ROOT) -> list[Path]:
    """Return all modules of the packages, those of the product when none is named."""
    return sorted(file for package in packages or PACKAGES for file in (root / package).rglob("*.py"))


@cache
def tree(file: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def relative(file: Path) -> str:
    """Return a module's path inside the project."""
    return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name


def functions(module: ast.Module) -> Iterator[Function]:
    """Yield every function and method, inner ones included."""
    return (node for node in ast.walk(module) if isinstance(node, Function))


def classes(module: ast.Module) -> Iterator[ast.ClassDef]:
    """Yield every class."""
    return (node for node in ast.walk(module) if isinstance(node, ast.ClassDef))


def body_lines(function: Function) -> int:
    """Return how many lines the body of a function has, docstring not counted."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def calls(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the dotted name and the line of everything called."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno
