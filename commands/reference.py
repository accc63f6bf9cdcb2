"""The documentation made from the code: tables of commands, refusals and settings. ``--check`` only compares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from commands import words
from commands.authorise import needed
from commands.parse import accepted
from commands.registry import Command, Parameter, Registry, Tier, discover
from config.handbook import handbook
from config.language import _
from data.orders import RefusalCode

ROOT = Path(__file__).resolve().parent.parent
_COMMANDS = ("<!-- commands:begin -->", "<!-- commands:end -->")
_REFUSALS = ("<!-- refusals:begin -->", "<!-- refusals:end -->")
_SETTINGS = ("<!-- settings:begin -->", "<!-- settings:end -->")
_SETTINGS_FRAME = """# Settings

Put what you change into `config.yaml` in your home directory; what you leave out keeps its default. The environment
changes single settings: `BATUTA_GRID__INITIAL_LEVELS=12` is `grid.initial_levels`. Whoever owns the engine sees what is
in force with `/settings all`. Settings marked *not used yet* are read and checked, but nothing acts on them.

{}
"""


def command_table(registry: Registry) -> str:
    """Return a Markdown table of all commands that belong in menus."""
    rows = [
        (f"`{each.usage}`", each.help, needed(each).name.lower(), _step(each.tier))
        for each in registry.all()
        if not each.hidden
    ]
    return _table((_("Command"), _("What it does"), _("Role"), _("Before it runs")), rows)


def command_pages(registry: Registry) -> str:
    """Return a Markdown text with every command, its details and its parameters, by group."""
    parts: list[str] = []
    group = ""
    for each in registry.all():
        if each.hidden:
            continue
        if each.group != group:
            group = each.group
            parts.append(f"## {group}")
        parts += _page(each)
    return "\n\n".join(parts)


def refusal_table() -> str:
    """Return a Markdown table of every reason why risk refuses an order."""
    rows = [(f"`{code.value}`", _sentence(words.refusal(code))) for code in RefusalCode]
    return _table((_("Code"), _("Meaning")), rows)


def settings_pages() -> str:
    """Return a Markdown text with every setting: default, meaning and what is accepted, by section."""
    parts: list[str] = []
    rows: list[tuple[str, ...]] = []
    head = (_("Setting"), _("Default"), _("Meaning"), _("Accepts"))
    # Settings that stand outside every section come first, or they would seem to belong to the one before them.
    for each in sorted(handbook(), key=lambda each: each.is_section or "." in each.name):
        if not each.is_section:
            meaning = each.meaning if each.used else f"{each.meaning} *{_('Not used yet.')}*"
            rows.append((f"`{each.name}`", f"`{each.default}`", meaning, each.accepted))
        elif "." not in each.name:
            parts += [_table(head, rows)] if rows else []
            parts += [f"## {each.name}", each.meaning]
            rows = []
    return "\n\n".join([*parts, _table(head, rows)])


def refresh(root: Path, registry: Registry, *, check: bool) -> tuple[str, ...]:
    """Bring the generated parts below ``root`` up to date, or only look; return what was out of date."""
    documents: Sequence[tuple[Path, tuple[str, str], Callable[[], str], str]] = (
        (root / "README.md", _COMMANDS, lambda: command_table(registry), ""),
        (root / "docs" / "commands.md", _COMMANDS, lambda: command_pages(registry), "# Commands\n\n{}\n"),
        (root / "docs" / "risk.md", _REFUSALS, refusal_table, "# Why risk refuses an order\n\n{}\n"),
        (root / "docs" / "settings.md", _SETTINGS, settings_pages, _SETTINGS_FRAME),
    )
    return tuple(
        str(path.relative_to(root))
        for path, markers, content, fresh in documents
        if not _refresh(path, markers, content(), fresh, check=check)
    )


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the documentation, or with ``--check`` say what is out of date; return the exit status."""
    check = "--check" in arguments
    stale = refresh(root, discover(), check=check)
    for name in stale:
        print(f"{name}: " + ("out of date; run python -m commands.reference" if check else "written"))
    return 1 if check and stale else 0


def _refresh(path: Path, markers: tuple[str, str], content: str, fresh: str, *, check: bool) -> bool:
    begin, end = markers
    old = path.read_text(encoding="utf-8") if path.exists() else fresh.format(f"{begin}\n{end}")
    before, found, rest = old.partition(begin)
    _middle, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path}: there is no {begin} followed by {end}")
    new = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    if path.exists() and new == old:
        return True
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(new, encoding="utf-8")
    return False


def _page(command: Command) -> list[str]:
    facts = f"`{command.usage}` · {needed(command).name.lower()} · {_step(command.tier)}"
    parts = [f"### /{command.name}", command.help.rstrip(".") + ".", facts]
    if command.details:
        parts.append(command.details)
    if command.parameters:
        rows = [(f"`{each.name}`", each.help, accepted(each), _default(each)) for each in command.parameters]
        parts.append(_table((_("Parameter"), _("Meaning"), _("Accepts"), _("If left out")), rows))
    return parts


def _step(tier: Tier) -> str:
    return {
        Tier.READ: _("nothing"),
        Tier.REVERSIBLE: _("nothing"),
        Tier.MONEY: _("a plan to confirm"),
        Tier.RISK: _("a plan to confirm, and a one-time code"),
    }[tier]


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return _("required")
    return "–" if parameter.default is None else f"`{parameter.default}`"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in row)} |" for row in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
