"""Whether a text about a decision says only what the record bears out: its numbers, sides, modes and symbols."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, localcontext

import msgspec

_MAX_WORDS = 60
_MAX_CHARACTERS = 600
# A number rounded to fewer digits than this says too little to be held against a record.
_MIN_DIGITS = 3

_NUMBER = re.compile(
    r"(?P<sign>(?<![\w.,)%])[-+])?(?<![\w.,])"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    r"(?P<suffix>\s?%|\s(?:percent|per\scent)\b|\s?(?:million|billion|thousand)\b|[kKMB]\b)?(?![\w%]|[.,]\d)"
)
_SCALES = {"k": 3, "thousand": 3, "m": 6, "million": 6, "b": 9, "billion": 9}
_MIXED = re.compile(r"[^\s()\"';:!?]*\d[^\s()\"';:!?]*")
_PUNCTUATION = ".,-"
_WORD = re.compile(r"[A-Za-z]+")
_PAIR = re.compile(r"\b[A-Za-z0-9]{2,12}/[A-Za-z0-9]{2,12}\b")
_CAPITALS = re.compile(r"\b[A-Z][A-Z0-9]+\b")
_CLAUSE = re.compile(r"[.;!?,](?=\s|$)|\b(?:and|but|then|while|because|after|before|so|which)\b", re.IGNORECASE)
_MARKUP = re.compile(r"[*_`#<>\[\]{}|\\~]|^\s*(?:[-•+]|\d+[.)])\s", re.MULTILINE)
_ADDRESS = re.compile(r"://|\bwww\.|[A-Za-z0-9]\.[A-Za-z]{2,}|@\w", re.IGNORECASE)
_ORDER_TO_US = re.compile(r"(?<![\w/])/\w")
"""A slash command: chats make it a button."""

# Words and what they claim. The claim must be found in the record, by any of its words.
_CLAIMS = {
    "buy": "buy buys buying bought purchase purchased purchases purchasing long longs",
    "sell": "sell sells selling sold sale sales short shorts shorted shorting",
    "production": "production live real",
    "testnet": "testnet",
    "shadow": "shadow paper simulated simulation",
    "take profit": "tp",
    "stop loss": "sl",
    "halted": "halted halt",
    "refused": "refused denied rejected",
    "cancelled": "cancelled canceled cancels cancel",
}
_CLAIM_OF = {word: claim for claim, words in _CLAIMS.items() for word in words.split()}
_PHRASES = {
    "take profit": re.compile(r"\b(?:take[-_ ]profit|took profit|taking profit)"),
    "stop loss": re.compile(r"\bstop(?:ped)?[-_ ](?:loss|out)"),
}
_OPPOSITE = {"above": "below", "below": "above", "rose": "fell", "fell": "rose"}
_SIDES = ("buy", "sell")
_DENIED = re.compile(r"\b(?:no|none)$", re.IGNORECASE)
"""A line such as *sell: no* is no ground for saying that something was sold."""
_COINS = {
    "bitcoin": "BTC", "ether": "ETH", "ethereum": "ETH", "solana": "SOL", "ripple": "XRP", "dogecoin": "DOGE",
    "cardano": "ADA", "litecoin": "LTC", "tether": "USDT", "shiba": "SHIB", "polygon": "MATIC", "tron": "TRX",
    "binancecoin": "BNB", "pepe": "PEPE", "avalanche": "AVAX", "polkadot": "DOT", "chainlink": "LINK",
} | {ticker.lower(): ticker for ticker in (
    "BTC", "ETH", "BNB", "XRP", "DOGE", "USDT", "USDC", "SHIB", "LTC", "TRX", "ADA", "SOL", "MATIC", "AVAX", "FDUSD"
)}  # fmt: skip
"""Names a model writes in small letters too."""
_NOT_SYMBOLS = frozenset({"TP", "SL", "UTC", "OK"})
_COUNTS = {
    word: Decimal(n)
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_AMOUNTS = frozenset(
    "thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions billion "
    "billions dozen dozens half halves third quarter double doubled doubles twice triple tripled triples".split()
)
_LOSS = frozenset("loss losses lost fell fallen down drop dropped decline declined minus negative below".split())


class _Number(msgspec.Struct, frozen=True):
    value: Decimal
    step: Decimal
    """What one unit of the last written digit is worth."""
    percent: bool
    signed: bool


class _Line(msgspec.Struct, frozen=True):
    numbers: tuple[_Number, ...]
    claims: frozenset[str]


def objection(text: str, record: Sequence[str]) -> str | None:
    """Return why ``text`` must not be shown beside ``record`` (its lines), or None when it may."""
    lines = [_Line(tuple(_numbers(line)), frozenset() if _DENIED.search(line) else _claims(line)) for line in record]
    whole = "\n".join(record)
    return _shape(text) or _symbols(text, whole) or _words(text, whole, lines) or _figures(text, whole, lines)


def _shape(text: str) -> str | None:
    if not text.strip():
        return "empty"
    if len(text) > _MAX_CHARACTERS or len(text.split()) > _MAX_WORDS:
        return "too long"
    for letter in text:
        if not letter.isascii() and unicodedata.category(letter)[0] not in "PZS":
            # The checks below know English words and Arabic digits; what they cannot read they cannot vouch for.
            return f"a letter that cannot be checked: {letter!a}"
        if unicodedata.category(letter)[0] == "C" and letter not in "\n\t":
            return f"a control character: {letter!a}"
    for name, pattern in (("markup", _MARKUP), ("an address", _ADDRESS), ("a command", _ORDER_TO_US)):
        if (found := pattern.search(text)) is not None:
            return f"{name}: {found.group()!a}"
    return None


def _symbols(text: str, whole: str) -> str | None:
    known = {word.upper() for word in re.findall(r"[A-Za-z0-9]+", whole)}
    pairs = {pair.upper() for pair in _PAIR.findall(whole)}
    known |= {pair.replace("/", "") for pair in pairs}
    for pair in _PAIR.findall(text):
        # Two words that share a slash are no market unless one of them is a symbol.
        if pair.upper() not in pairs and (_CAPITALS.search(pair) or _ticker(pair)):
            return f"a market that is not in the record: {pair}"
    for word in _CAPITALS.findall(text):
        if word not in known and word not in _NOT_SYMBOLS:
            return f"a symbol that is not in the record: {word}"
    for word in _WORD.findall(text.lower()):
        if word in _COINS and _COINS[word] not in known and word.upper() not in known:
            return f"a symbol that is not in the record: {word}"
    return None


def _ticker(pair: str) -> bool:
    return any(part in _COINS for part in pair.lower().split("/"))


def _words(text: str, whole: str, lines: Sequence[_Line]) -> str | None:
    recorded = frozenset().union(*(line.claims for line in lines))
    for claim in sorted(_claims(text) - recorded):
        return f"a claim that is not in the record: {claim}"
    said, stored = set(_WORD.findall(text.lower())), set(_WORD.findall(whole.lower()))
    for word, opposite in _OPPOSITE.items():
        if word in said and opposite in stored and word not in stored:
            return f"the opposite of the record: {word}"
    values = {number.value for line in lines for number in line.numbers}
    for word in sorted(said - stored):
        if word in _AMOUNTS or (word in _COUNTS and _COUNTS[word] not in values):
            return f"a number that is not in the record: {word}"
    return None


def _figures(text: str, whole: str, lines: Sequence[_Line]) -> str | None:
    verbatim = {word.strip(_PUNCTUATION) for word in _MIXED.findall(whole)}
    for sentence in re.split(r"[.!?;](?=\s|$)", text):
        lost = not _LOSS.isdisjoint(_WORD.findall(sentence.lower()))
        for clause in _CLAUSE.split(sentence):
            sides = [side for side in _SIDES if side in _claims(clause)]
            side = sides[0] if len(sides) == 1 else None
            for number in _numbers(clause):
                if not _borne_out(number, lines, side, lost):
                    return f"a number that is not in the record: {number.value}" + (f" ({side})" if side else "")
    return _unread(text, verbatim)


def _unread(text: str, verbatim: set[str]) -> str | None:
    read = {place for match in _NUMBER.finditer(text) for place in range(*match.span("digits"))}
    for match in _MIXED.finditer(text):
        if match.group().strip(_PUNCTUATION) in verbatim:
            continue
        if any(text[place].isdigit() and place not in read for place in range(*match.span())):
            return f"a number that cannot be read: {match.group()!a}"
    return None


def _borne_out(said: _Number, lines: Sequence[_Line], side: str | None, lost: bool) -> bool:
    bearing = [line for line in lines if any(_same(said, stored, lost) for stored in line.numbers)]
    sided = [line for line in bearing if not line.claims.isdisjoint(_SIDES)]
    # What the record says of one side bears out nothing about the other.
    return any(side in line.claims for line in sided) if side is not None and sided else bool(bearing)


def _same(said: _Number, stored: _Number, lost: bool) -> bool:
    values = [stored.value]
    if said.percent and not stored.percent:
        values = [stored.value * 100] if abs(stored.value) <= 1 else []
    if lost and not said.signed:
        # "A loss of 5" says -5.
        values += [-value for value in values if value < 0]
    return any(said.value == value or _rounds_to(value, said) for value in values)


def _rounds_to(value: Decimal, said: _Number) -> bool:
    if said.value == 0 or said.value.adjusted() - said.step.adjusted() + 1 < _MIN_DIGITS:
        return False
    with localcontext(Context(prec=60)):
        units = value / said.step
        return any(units.to_integral_value(way) * said.step == said.value for way in (ROUND_HALF_EVEN, ROUND_HALF_UP))


def _numbers(text: str) -> Iterable[_Number]:
    for match in _NUMBER.finditer(text.replace("\N{MINUS SIGN}", "-")):
        digits = match["digits"].replace(",", "")
        suffix = (match["suffix"] or "").strip().lower()
        written = Decimal(digits)
        if abs(written.adjusted()) > 40:
            continue
        scale = _SCALES.get(suffix, 0)
        exponent = written.as_tuple().exponent
        step = Decimal(1).scaleb((exponent if isinstance(exponent, int) else 0) + scale)
        value = written.scaleb(scale) * (-1 if match["sign"] == "-" else 1)
        yield _Number(value, step, suffix in {"%", "percent", "per cent"}, match["sign"] is not None)


def _claims(text: str) -> frozenset[str]:
    lower = text.lower()
    claims = {_CLAIM_OF[word] for word in _WORD.findall(lower) if word in _CLAIM_OF}
    return frozenset(claims | {claim for claim, pattern in _PHRASES.items() if pattern.search(lower)})
