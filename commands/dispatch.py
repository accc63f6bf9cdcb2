"""The way of a request: find, authorise, bind, plan or run, answer. Whatever goes wrong, nothing leaks."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from commands import format as shown
from commands.authorise import Patience, allowed, identity, needed_words, offered, recognise
from commands.bulletins import pairing_locked, person_joined
from commands.complete import Choice, suggestions
from commands.confirmation import Confirmations
from commands.context import AgentControl, Context, Examiner, Explainer, JobControl, LogReader, People, Person
from commands.notice import Notice
from commands.pairing import Pairing, Refusal
from commands.parse import Line, assign, bind, split
from commands.plan import Planned, Plans
from commands.registry import Command, Registry, Tier
from commands.reply import Button, Failure, Reply, Text
from config.language import _, use
from config.schema import Settings
from data.values import Millis
from engine.clock import Clock
from engine.desk import Desk
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown

__all__ = ["Choice", "Dispatcher", "Request", "Services"]

_REMEMBERED = 4096
_LONGEST_BUTTON_LINE = 60
_log = logging.getLogger(__name__)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform heard. ``arguments`` are typed options by name; None means that they are in ``line``."""

    platform: str
    user_id: str
    user_name: str
    chat_id: str
    private: bool
    """Nobody else reads the chat."""
    line: str
    arguments: dict[str, str] | None = None
    update_id: str = ""
    """The platform's own id of this update; empty when it has none and can never deliver twice."""
    sent_at: Millis
    locale: str = ""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the dispatcher works with; made once by the composition root."""

    registry: Registry
    desk: Desk
    clock: Clock
    settings: Settings
    people: People
    jobs: JobControl
    agents: AgentControl
    pairing: Pairing
    announce: Callable[[str], None]
    """Prints a one-time code where only the operator reads."""
    tell: Callable[[Notice], None]
    """Pushes a notice to the owners."""
    explainer: Explainer | None = None
    logs: LogReader | None = None
    checkup: Examiner | None = None
    deliver: Callable[[str, Reply], Awaitable[None]] | None = None
    """Sends a reply to ``platform:user id`` in private, outside of any answer."""
    plans: Plans | None = None


class Dispatcher:
    """Answers requests of every platform."""

    def __init__(self, services: Services) -> None:
        """Work with ``services``."""
        self._services = services
        chat = services.settings.chat
        self._confirmations = Confirmations(
            plans=services.plans or Plans(), clock=services.clock, announce=services.announce,
            lifetime=chat.plan_expiry_seconds * 1000, tolerance_percent=chat.price_tolerance_perc,
        )  # fmt: skip
        self._patience = Patience()
        self._later: set[asyncio.Task[None]] = set()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def handle(self, request: Request) -> tuple[Reply, ...]:
        """Answer one request; an empty tuple is silence."""
        if self._repeated(request):
            return ()
        person = recognise(self._services.people, request.platform, request.user_id)
        with use(self._locale(person, request)):
            try:
                return await self._answer(request, person)
            except Exception as error:
                failure = _failure(error)
                return () if person is None else (failure,)

    async def stop(self) -> None:
        """Give up what would still be sent afterwards."""
        for task in tuple(self._later):
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    async def complete(self, request: Request, command: str, parameter: str, prefix: str) -> tuple[Choice, ...]:
        """Return at most 25 suggestions for a parameter; none for people who may not run the command."""
        services = self._services
        person = recognise(services.people, request.platform, request.user_id)
        found = services.registry.get(command)
        asked = found.parameter(parameter) if found else None
        if found is None or asked is None or not allowed(person, found):
            return ()
        with use(self._locale(person, request)):
            try:
                return await suggestions(asked, prefix, services.desk, services.settings)
            except Exception:
                _log.exception("no suggestions for %s of /%s", parameter, command)
                return ()

    def visible(self, person: Person | None) -> tuple[Command, ...]:
        """Return the commands that ``person`` may run and that belong in menus."""
        return tuple(each for each in self._services.registry.all() if not each.hidden and allowed(person, each))

    async def _answer(self, request: Request, person: Person | None) -> tuple[Reply, ...]:
        line = split(request.line)
        if isinstance(line, Line) and line.name == "pair" and request.private:
            return self._pair(request, person, line)
        if person is None:
            return self._greet(request, line)
        if isinstance(line, Failure):
            return (line,)
        command = self._services.registry.get(line.name)
        if command is None:
            return self._unknown(request, person, line.name)
        if not allowed(person, command):
            return (_not_allowed(person, command),)
        late = self._too_old(request, command)
        if late is not None:
            return (late,)
        raw = request.arguments if request.arguments is not None else assign(command, line.words)
        arguments = raw if isinstance(raw, Failure) else bind(command, raw)
        if isinstance(arguments, Failure):
            return (arguments,)
        return await self._run(request, person, command, arguments)

    async def _run(
        self, request: Request, person: Person, command: Command, arguments: dict[str, Any]
    ) -> tuple[Reply, ...]:
        ctx = self._context(request, person)
        answer = await command.handler(ctx, **arguments)
        if isinstance(answer, Planned):
            answer = self._confirmations.propose(ctx, command, arguments, answer)
        replies = answer if isinstance(answer, tuple) else (answer,)
        return tuple(offered(each, person, self._services.registry) for each in replies)

    def _context(self, request: Request, person: Person) -> Context:
        services = self._services
        return Context(
            person=person, desk=services.desk, clock_now=services.clock.now(), settings=services.settings,
            jobs=services.jobs, agents=services.agents, people=services.people, registry=services.registry,
            platform=request.platform, explainer=services.explainer, logs=services.logs,
            checkup=services.checkup,
            invitations=services.pairing, confirmer=self._confirmations, private=request.private,
            afterwards=partial(self._afterwards, person) if services.deliver is not None else None,
        )  # fmt: skip

    def _afterwards(self, person: Person, work: Coroutine[None, None, Reply | None]) -> None:
        task = asyncio.create_task(self._deliver(person, work), name=f"afterwards {person.id}")
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _deliver(self, person: Person, work: Coroutine[None, None, Reply | None]) -> None:
        try:
            reply = await work
            if reply is not None and self._services.deliver is not None:
                await self._services.deliver(person.id, reply)
        except Exception:
            _log.exception("nothing came afterwards for %s", person.id)

    def _repeated(self, request: Request) -> bool:
        key = (request.platform, request.update_id)
        if not request.update_id:
            return False
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _locale(self, person: Person | None, request: Request) -> str:
        if person is None:
            return request.locale or self._services.settings.chat.locale
        return person.locale or self._services.settings.chat.locale

    def _greet(self, request: Request, line: Line | Failure) -> tuple[Reply, ...]:
        if not request.private or isinstance(line, Failure) or line.name != "start":
            return ()
        if not self._patience.spend(identity(request.platform, request.user_id), self._services.clock.now()):
            return ()
        self.offer_first_code()
        return (Text(text=_("This is a private bot. If you were given a code, send:\n/pair CODE")),)

    def offer_first_code(self) -> None:
        """Announce a code for the first owner, unless there is an owner or such a code still works."""
        code = self._services.pairing.first_code()
        if code is None:
            return
        with use(self._services.settings.chat.locale):
            self._services.announce(_("Nobody owns this bot yet. To own it, send it: /pair {code}").format(code=code))

    def _pair(self, request: Request, person: Person | None, line: Line) -> tuple[Reply, ...]:
        services, now = self._services, self._services.clock.now()
        who = identity(request.platform, request.user_id)
        heard = person is not None or self._patience.spend(who, now)
        typed = (request.arguments or {}).get("code") or "".join(each.text for each in line.words)
        result = services.pairing.redeem(request.platform, request.user_id, request.user_name, typed)
        if isinstance(result, Person):
            with use(services.settings.chat.locale):
                services.tell(person_joined(result.name, who, result.role.name.lower(), now))
            ready = _("Welcome, {name}. Your role is {role}. Type /help to see what you can ask.")
            return (Text(text=ready.format(name=result.name, role=result.role.name.lower())),)
        if result is Refusal.JUST_LOCKED:
            with use(services.settings.chat.locale):
                services.tell(pairing_locked(request.user_name, who, now))
        if not heard:
            return ()
        if result is Refusal.WRONG and not typed:
            return (Failure(problem=_("A code is missing."), accepted=_("/pair and the eight digits you were given")),)
        if result is Refusal.WRONG:
            accepted = _("a code that is less than 10 minutes old")
            return (Failure(problem=_("This code does not work."), accepted=accepted),)
        return (Failure(problem=_("Too many wrong codes. Try again in an hour.")),)

    def _unknown(self, request: Request, person: Person, name: str) -> tuple[Reply, ...]:
        # In a group the line may be for another bot.
        if not request.private:
            return ()
        near = self._services.registry.near(name, [each.name for each in self.visible(person)])
        buttons = tuple(Button(f"/{each}", f"/{each}") for each in near)
        if name and not near and not request.line.lstrip().startswith("/"):
            said = _("I understand commands, such as /status. /help shows all of them.")
            return (Text(text=said, buttons=(Button(_("Status"), "/status"), Button(_("Help"), "/help"))),)
        problem = _("There is no command /{name}.") if name else _("That is not a command.")
        accepted = ", ".join(button.label for button in buttons) or "/help"
        buttons = buttons or (Button("/help", "/help"),)
        return (Failure(problem=problem.format(name=name[:32]), accepted=accepted, buttons=buttons),)

    def _too_old(self, request: Request, command: Command) -> Failure | None:
        age = self._services.clock.now() - request.sent_at
        if command.tier is Tier.READ or age <= self._services.settings.chat.max_age_seconds * 1000:
            return None
        line = request.line.strip()
        fits = len(line.encode()) <= _LONGEST_BUTTON_LINE and request.arguments is None
        return Failure(
            problem=_("You sent this {age} ago, and I only read it now. Nothing was done.").format(
                age=shown.duration(age)
            ),
            accepted=_("send it again if you still want it: {line}").format(line=line),
            buttons=(Button(_("Do it now"), line),) if fits else (),
        )


def _not_allowed(person: Person, command: Command) -> Failure:
    return Failure(
        problem=_("You may not use /{command}.").format(command=command.name), field="role",
        value=person.role.name.lower(), accepted=needed_words(command),
    )  # fmt: skip


def _failure(error: Exception) -> Failure:
    if isinstance(error, ExchangeUnavailable):
        return Failure(problem=_("The exchange does not answer. Nothing was done; try again in a moment."))
    if isinstance(error, MarketUnknown):
        return Failure(
            problem=_("The exchange does not list this market."), field="symbol", value=error.symbol[:80],
            accepted=", ".join(error.near) or _("a market such as BTC/USDT"),
        )  # fmt: skip
    error_id = secrets.token_hex(4)
    _log.error("a command broke off, error %s", error_id, exc_info=error)
    return Failure(problem=_("Something broke on my side. It is in the log as error {id}.").format(id=error_id))
