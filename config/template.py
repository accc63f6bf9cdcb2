"""Writing `locales/batuta.pot`, the list of every text a translator may translate: `python -m config.template`."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from config.paths import LOCALES

PACKAGES = ("chatbot", "commands", "config", "data", "engine", "scheduler")
TEMPLATE = LOCALES / "batuta.pot"
_HEADER = '# Every text of Batuta, in English.\nmsgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'

Text = tuple[str, str | None]
"""A text, and its plural where it has one."""


def texts(code: str) -> Iterator[Text]:
    """Yield the texts of a module: those in ``_`` or ``ngettext``, the help of commands, what a job or agent is for."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.AsyncFunctionDef() if any(_calls(each, "command") for each in node.decorator_list):
                short, _rest, details = (ast.get_docstring(node) or "").partition("\n")
                yield from ((text, None) for text in (short, details.strip()) if text)
            case ast.Call(func=ast.Name(id="Param"), args=[ast.Constant(value=str(text)), *_more]):
                yield text, None
            case ast.Call(func=ast.Name(id="Job"), keywords=[*given]):
                yield from ((text, None) for each in given if each.arg == "what" for text in _constant(each.value))
            case ast.Assign(targets=[ast.Name(id="what")], value=ast.Constant(value=str(text))):
                yield text, None
            case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(text))]):
                yield text, None
            case ast.Call(
                func=ast.Name(id="ngettext"), args=[ast.Constant(value=str(one)), ast.Constant(value=str(many)), _]
            ):
                yield one, many
            case _:
                pass


def template(root: Path) -> str:
    """Return the template of all packages under a directory."""
    found: dict[Text, set[str]] = {}
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            for text in texts(file.read_text(encoding="utf-8")):
                found.setdefault(text, set()).add(file.relative_to(root).as_posix())
    entries = [_block(text, found[text]) for text in sorted(found, key=lambda text: text[0])]
    return "\n".join([_HEADER, *entries])


def main() -> int:
    """Write the template, or with ``--check`` say whether it is current."""
    current = template(LOCALES.parent.parent)
    if "--check" in sys.argv[1:]:
        if TEMPLATE.read_text(encoding="utf-8") == current:
            return 0
        sys.stderr.write(f"{TEMPLATE.name}: out of date; run python -m config.template\n")
        return 1
    TEMPLATE.write_text(current, encoding="utf-8")
    return 0


def _constant(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _calls(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _block(text: Text, files: set[str]) -> str:
    one, many = text
    lines = [f"#: {file}" for file in sorted(files)] + [f"msgid {_quoted(one)}"]
    lines += ['msgstr ""'] if many is None else [f"msgid_plural {_quoted(many)}", 'msgstr[0] ""', 'msgstr[1] ""']
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
