"""The house rules, each a function from a module to what breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import Found, Function, body_lines, calls, classes, functions, relative, tree

MODULE_LINES = 400
BODY_LINES = 40
PUBLIC_METHODS = 15
FORBIDDEN_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "misc"})
CLOCK_CALLS = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns)|utcnow)$")


def too_long(file: Path) -> Iterator[Found]:
    """Find a module above its line budget."""
    lines = len(file.read_text(encoding="utf-8").splitlines())
    if lines > MODULE_LINES:
        yield Found(relative(file), lines, f"has {lines} lines, more than {MODULE_LINES}")


def long_bodies(file: Path) -> Iterator[Found]:
    """Find functions above their line budget."""
    for function in functions(tree(file)):
        if (lines := body_lines(function)) > BODY_LINES:
            yield Found(relative(file), function.lineno, f"{function.name} has {lines} lines, more than {BODY_LINES}")


def wide_classes(file: Path) -> Iterator[Found]:
    """Find classes with too many public methods; test classes and protocols of foreign libraries included."""
    for class_ in classes(tree(file)):
        public = [node.name for node in class_.body if isinstance(node, Function) and not node.name.startswith("_")]
        if len(public) > PUBLIC_METHODS:
            yield Found(relative(file), class_.lineno, f"{class_.name} has {len(public)} public methods")


def vague_names(file: Path) -> Iterator[Found]:
    """Find modules and packages named after nothing."""
    name = file.parent.name if file.stem == "__init__" else file.stem
    if set(name.split("_")) & FORBIDDEN_NAMES:
        yield Found(relative(file), 1, f"{name!r} says nothing about what is inside")


def missing_module_docstring(file: Path) -> Iterator[Found]:
    """Find modules without a docstring whose first paragraph is one sentence."""
    docstring = ast.get_docstring(tree(file))
    if not docstring:
        yield Found(relative(file), 1, "has no docstring")
    elif not re.search(r"[.:`!?)]$", docstring.split("\n\n")[0].strip()):
        yield Found(relative(file), 1, "has a docstring that does not begin with a sentence")


def missing_docstrings(file: Path) -> Iterator[Found]:
    """Find public functions and methods without a docstring; overrides of a documented base may do without."""
    for owner, function in _public_functions(tree(file)):
        if ast.get_docstring(function) is None and not _is_exempt(function):
            yield Found(relative(file), function.lineno, f"{owner}{function.name} has no docstring")


def _public_functions(module: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in module.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield "", node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                if isinstance(member, Function) and not member.name.startswith("_"):
                    yield f"{node.name}.", member


def _is_exempt(function: Function) -> bool:
    marks = {ast.unparse(decorator).split(".")[-1].split("(")[0] for decorator in function.decorator_list}
    return bool(marks & {"override", "overload", "setter"})


def own_time(file: Path) -> Iterator[Found]:
    """Find the system clock asked directly."""
    for name, line in calls(tree(file)):
        if CLOCK_CALLS.search(name):
            yield Found(relative(file), line, f"{name}() instead of a Clock")


def called(file: Path, *names: str) -> Iterator[Found]:
    """Find calls of the named functions."""
    for name, line in calls(tree(file)):
        if name in names:
            yield Found(relative(file), line, f"calls {name}()")


def waits(file: Path) -> Iterator[Found]:
    """Find waiting by the system's time; ``asyncio.sleep(0)`` only lets others run."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"asyncio.sleep", "time.sleep", "sleep"}:
            if ast.unparse(node).endswith("asyncio.sleep(0)"):
                continue
            yield Found(relative(file), node.lineno, f"waits by {ast.unparse(node)} instead of a Clock")


def wrong_contents(package: Path) -> Iterator[Found]:
    """Find modules that a package's table of contents lacks, and entries without a module."""
    file = package / "__init__.py"
    docstring = ast.get_docstring(tree(file)) or ""
    listed = {match for match in re.findall(r"^ *(\w+)(?:/|\.py)? {2,}\S", docstring, re.MULTILINE)}
    present = {each.stem for each in package.glob("*.py")} - {"__init__", "__main__"}
    present |= {each.parent.name for each in package.glob("*/__init__.py")}
    for name in sorted(present - listed):
        yield Found(relative(file), 1, f"does not list {name}")
    for name in sorted(listed - present - {"__main__"}):
        yield Found(relative(file), 1, f"lists {name}, which does not exist")
