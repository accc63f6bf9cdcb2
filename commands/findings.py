"""What a checkup found, in one plain line each: what it is, how it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from commands import words
from commands.format import duration
from commands.reply import Field
from config.language import _
from data.values import Mode
from engine.accounts.findings import Check, Finding, Grade


def sign(grade: Grade) -> str:
    """Return the mark that stands before a finding."""
    return {Grade.GOOD: "✔", Grade.WARNING: "⚠", Grade.BAD: "✘"}[grade]


def line(finding: Finding) -> str:
    """Return a finding as one line."""
    return f"{sign(finding.grade)} {name(finding.check)}: {said(finding)}"


def fields(findings: Iterable[Finding]) -> list[Field]:
    """Return findings as the fields of a card."""
    return [Field(f"{sign(each.grade)} {name(each.check)}", said(each)) for each in findings]


def name(check: Check) -> str:
    """Name what was looked at."""
    return {
        Check.KEY: _("Exchange key"),
        Check.WITHDRAWAL: _("Withdrawals"),
        Check.ADDRESS: _("Network address"),
        Check.RIGHTS: _("Right to trade"),
        Check.CLOCK: _("Clock"),
        Check.POSITION_MODE: _("Position mode"),
        Check.ASSET_MODE: _("Asset mode"),
        Check.RECORD: _("Shadow record"),
        Check.LIMITS: _("Limits"),
        Check.CHAT: _("Chat"),
        Check.OTHERS: _("Other installations"),
        Check.BACKUP: _("Backup"),
        Check.MODE: _("Mode"),
        Check.LISTED: _("Market"),
        Check.FILTERS: _("Market's limits"),
        Check.REFUSED: _("Refused orders"),
        Check.STREAM: _("Stream"),
        Check.FOREIGN: _("Orders not mine"),
    }[check]


def said(finding: Finding) -> str:
    """Say how a finding stands and what to do."""
    facts = finding.facts
    if "unknown" in facts:
        return _("not known: {unknown}. Try again when the exchange answers.").format(unknown=facts["unknown"])
    if finding.grade is Grade.GOOD:
        return _good(finding.check).format(**_readable(facts))
    return _bad(finding).format(**_readable(facts))


def _readable(facts: dict[str, str]) -> dict[str, str]:
    shown = dict(facts)
    if "age_ms" in facts:
        shown["age"] = duration(int(facts["age_ms"]))
    if "mode" in facts:
        shown["mode"] = words.mode(Mode(facts["mode"]))
    if "kind" in facts:
        shown["kind"] = _("perpetuals") if facts["kind"] == "perpetual" else _("spot")
    if "what" in facts:
        shown |= {each: _of_an_order(facts[each]) for each in ("what", "limit")}
    return shown


def _of_an_order(named: str) -> str:
    return {
        "price": _("price"),
        "quantity": _("quantity"),
        "worth": _("worth"),
        "tick": _("tick"),
        "step": _("step"),
        "minimum": _("minimum"),
        "maximum": _("maximum"),
    }[named]


def _good(check: Check) -> str:
    return {
        Check.KEY: _("the exchange accepts it for {mode}"),
        Check.WITHDRAWAL: _("the key cannot take money away"),
        Check.ADDRESS: _("the key works from fixed addresses alone"),
        Check.RIGHTS: _("the {mode} key may trade {kind}"),
        Check.CLOCK: _("{skew_ms} ms from that of {exchange}"),
        Check.POSITION_MODE: _("one position per market"),
        Check.ASSET_MODE: _("single-asset: no other asset stands for losses"),
        Check.RECORD: _("{fills} fills of {bots} shadow bots, the longest for {days} days"),
        Check.LIMITS: _("at most {order} per order, {total} in all"),
        Check.CHAT: _("a message arrived {age} ago"),
        Check.OTHERS: _("none has orders on this account"),
        Check.BACKUP: _("the books were copied {age} ago"),
        Check.STREAM: _("{exchange} ({mode}) tells prices and orders"),
    }[check]


def _bad(finding: Finding) -> str:
    check, facts = finding.check, finding.facts
    if check is Check.KEY and "refused" in facts:
        return _(
            "the exchange does not accept it for {mode} ({refused}). Use a key made for {mode}, allow this server's "
            "address, and see that it has not expired."
        )
    if check is Check.STREAM and "symbol" in facts:
        return _("no price of {symbol} for {seconds} s from {exchange}. It is being asked for again.")
    if check is Check.RECORD and finding.grade is Grade.WARNING:
        return _("{fills} fills, but no bot for more than {days} days. Let one run for a week first.")
    if check is Check.MODE and "bot" in facts:
        return _("bot {bot} is a {mode} bot, and this engine runs {engine}. Start it with --mode {mode}.")
    return _remedies()[check]


def _remedies() -> dict[Check, str]:
    return {
        Check.KEY: _("there is none for {mode}. Set key and secret in the environment and start again."),
        Check.WITHDRAWAL: _("the key may take money away. Make a key without that right."),
        Check.ADDRESS: _("the key works from anywhere. Bind it to this server's address at the exchange."),
        Check.RIGHTS: _(
            "the {mode} key may not trade {kind}. Give it that right at the exchange, or take it out of "
            "exchange.supported_markets."
        ),
        Check.CLOCK: _(
            "{skew_ms} ms from that of {exchange}, at most {limit_ms} are allowed. Set this server's clock."
        ),
        Check.POSITION_MODE: _(
            "{symbol} has a long and a short position at once. Close them and choose one-way mode at the exchange."
        ),
        Check.ASSET_MODE: _(
            "the account is in multi-assets mode, where all its assets stand for losses. Choose single-asset mode at "
            "the exchange."
        ),
        Check.RECORD: _("no shadow bot has traded here yet. Start one and watch it first: /grid"),
        Check.LIMITS: _("not set. Set risk_management.max_order_notional and max_total_exposure."),
        Check.CHAT: _("no message has reached anybody lately. One was sent just now: ask again when it is there."),
        Check.OTHERS: _(
            "{count} orders of another Batuta rest here ({example}). Stop that one first, or add others=yes if you "
            "are sure that it is gone."
        ),
        Check.BACKUP: _("the books were never copied. Run /jobs run housekeeping, or wait until tonight."),
        Check.MODE: _("this engine runs {engine}. Start it with: batuta run --mode {mode}"),
        Check.LISTED: _("bot {bot}: the exchange no longer lists {symbol}. Stop the bot and keep its coins."),
        Check.FILTERS: _(
            "bot {bot} {symbol}: its {what} {value} does not fit the {limit} of {bound}. Stop it and start a new grid."
        ),
        Check.REFUSED: _(
            "bot {bot} {symbol}: {count} of its orders were refused; /why {bot} says why. While the market is closed, "
            "nothing can be sold there: wait until it opens, or stop the bot and keep its coins."
        ),
        Check.STREAM: _("{exchange} ({mode}) is not connected. It is being tried again; see /logs."),
        Check.FOREIGN: _("{count} on {market}, such as {example}. They are left alone; cancel them if they are old."),
    }
