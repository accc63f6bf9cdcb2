"""See the settings, and change your own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel

from commands.context import Context, Person
from commands.format import instant, zone_of
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Failure, Field, Reply, Table
from config.handbook import handbook
from config.language import _, available, use
from config.schema import Settings

LOCALE, TIME_ZONE, ALL = "locale", "time_zone", "all"
_DEFAULT = "default"
"""Takes a person's own setting back."""
_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""Name and password within an address."""


@command(role=Role.VIEWER, tier=Tier.REVERSIBLE, group="System")
async def settings(
    ctx: Context,
    name: Annotated[str, Param("locale, time_zone, the name of a section, or all")] = "",
    value: Annotated[str, Param("new value of your locale or time zone, or default")] = "",
) -> Answer:
    """See the settings, and change your language and time zone

    Owners see every effective setting by section; secrets are never shown. The settings themselves are changed in
    the configuration file.
    Examples: /settings · /settings time_zone Europe/Lisbon · /settings locale en · /settings risk_management
    """
    wanted = name.strip().lower().replace("-", "_")
    if not wanted:
        return _own(ctx)
    if wanted in (LOCALE, TIME_ZONE):
        return _change(ctx, wanted, value.strip()) if value.strip() else _own(ctx)
    if ctx.person.role < Role.OWNER:
        return Failure(
            problem=_("Only owners see these settings."), field="name", value=name, accepted=f"{LOCALE}, {TIME_ZONE}"
        )
    if wanted != ALL and wanted not in Settings.model_fields:
        return Failure(
            problem=_("There is no such section."), field="name", value=name, accepted=", ".join(Settings.model_fields)
        )
    return _effective(ctx, wanted)


def _own(ctx: Context) -> Card:
    person, chat = ctx.person, ctx.settings.chat
    languages = [Button(each, f"/settings {LOCALE} {each}") for each in available() if each != person.locale]
    sections = [Button(_("All settings"), f"/settings {ALL}")] if person.role >= Role.OWNER else []
    local = instant(ctx.clock_now, zone_of(ctx))
    return Card(
        title=_("Your settings"),
        fields=(
            Field(_("Name"), person.name),
            Field(_("Role"), person.role.name.lower()),
            Field(_("Language"), person.locale or _("{value} (default)").format(value=chat.locale)),
            Field(_("Time zone"), person.time_zone or _("{value} (default)").format(value=chat.time_zone)),
            Field(_("Your time"), local),
        ),
        note=_("To change the time zone: /settings time_zone Europe/Lisbon"),
        buttons=(*languages, *sections),
    )


def _change(ctx: Context, name: str, value: str) -> Reply:
    person = ctx.person
    wanted = "" if value.lower() == _DEFAULT else value
    if name == TIME_ZONE:
        if wanted and not _zone_exists(wanted):
            return Failure(
                problem=_("There is no such time zone."),
                field=name,
                value=value,
                accepted=_("a name such as Europe/Lisbon, America/Sao_Paulo, UTC; or default"),
            )
        return _keep(ctx, msgspec.structs.replace(person, time_zone=wanted), name, person.time_zone)
    known = {each.lower().replace("_", "-"): each for each in available()}
    found = known.get(wanted.lower().replace("_", "-"))
    if wanted and found is None:
        accepted = ", ".join([*available(), _DEFAULT])
        return Failure(problem=_("I do not speak this language."), field=name, value=value, accepted=accepted)
    return _keep(ctx, msgspec.structs.replace(person, locale=found or ""), name, person.locale)


def _keep(ctx: Context, person: Person, name: str, before: str) -> Card:
    ctx.people.put(person)
    undo = f"/settings {name} {before or _DEFAULT}"
    with use(person.locale or ctx.settings.chat.locale):
        card = _own(msgspec.structs.replace(ctx, person=person))
        return msgspec.structs.replace(card, title=_("Saved"), buttons=(Button(_("Undo"), undo),))


def _zone_exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _effective(ctx: Context, section: str) -> Table:
    tree: object = ctx.settings if section == ALL else getattr(ctx.settings, section)
    idle = {each.name for each in handbook() if not each.used}
    rows = tuple(_row(name, value, idle) for name, value in _flat(tree, "" if section == ALL else section))
    others = [Button(each, f"/settings {each}") for each in ("grid", "trading", "risk_management", "chat", "paper")]
    return Table(
        title=_("Effective settings"),
        columns=(_("Setting"), _("Value")),
        rows=rows,
        mode=ctx.desk.engine().mode,
        note=_("Changed in the configuration file, read at the start."),
        buttons=tuple(others),
    )


def _row(name: str, value: str, idle: set[str]) -> tuple[str, str]:
    shown = _LOGIN.sub("…", value)
    return name, _("{value} (not used yet)").format(value=shown) if name in idle else shown


def _flat(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _flat(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _flat(each, f"{path}.{key}")
    elif isinstance(value, tuple):
        yield path, ", ".join(str(each) for each in value) or "–"
    else:
        yield path, "–" if value in (None, {}) else str(value)
