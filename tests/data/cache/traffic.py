"""Accesses to a cache, one a line: recorded in a real session, or synthetic from a seed and labelled so."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import msgspec

from data.cache.words import Key, Kind
from data.values import Millis

RECORDED = Path(__file__).with_name("traces")
"""Where recorded sessions lie, each a file ``*.jsonl.gz``; may be absent."""
SECOND: Millis = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Access(msgspec.Struct, frozen=True):
    """One access that was answered."""

    at: Millis
    kind: str
    subject: str
    detail: str
    bytes: int
    """Of the value."""
    cost: int
    ttl: Millis

    @property
    def key(self) -> Key:
        """Return what was asked for."""
        return Key(self.kind, self.subject, self.detail)


def write(path: Path, accesses: Iterable[Access]) -> None:
    """Write a trace."""
    with gzip.open(path, "wb") as file:
        file.writelines(msgspec.json.encode(each) + b"\n" for each in accesses)


def read(path: Path) -> list[Access]:
    """Read a trace."""
    with gzip.open(path, "rb") as file:
        return [msgspec.json.decode(line, type=Access) for line in file]


def recorder(kinds: Iterable[Kind], now: Callable[[], Millis], taken: Callable[[Access], None]) -> Callable[..., None]:
    """Return what to give a cache as ``record``, so that ``taken`` is handed each access as a line of a trace."""
    known = {kind.name: kind for kind in kinds}

    def record(key: Key, size: int) -> None:
        kind = known[key.kind]
        taken(Access(now(), key.kind, key.subject, key.detail, size, kind.cost, kind.ttl))

    return record


def recorded() -> dict[str, list[Access]]:
    """Return every recorded session by its name."""
    return {path.name.removesuffix(".jsonl.gz"): read(path) for path in sorted(RECORDED.glob("*.jsonl.gz"))}


def synthetic(hours: int = 6) -> dict[str, list[Access]]:
    """Return the three synthetic traces by name; ``hours`` is how long they last."""
    return {
        "synthetic: polling and browsing": polling(1, hours),
        "synthetic: scan of 500 symbols": scanned(2, hours),
        "synthetic: bursty zipf": zipf(3, hours),
    }


class Sort(msgspec.Struct, frozen=True):
    """A kind of answer as the generators know it."""

    kind: str
    detail: str
    bytes: int
    """In the mean; every key has its own size within a factor of 2."""
    cost: int
    ttl: Millis

    def of(self, at: float, symbol: str) -> Access:
        """Return an access."""
        size = int(self.bytes * Random(f"{self.kind} {symbol} {self.detail}").uniform(0.7, 1.4))
        return Access(int(at), self.kind, symbol, self.detail, size, self.cost, self.ttl)


MINUTES = Sort("candles_1m", "1m", 180_000, 2, 20 * SECOND)
HOURS = Sort("candles_1h", "1h", 180_000, 2, 5 * MINUTE)
BOOK = Sort("book", "100", 50_000, 5, 5 * SECOND)
TRADES = Sort("trades", "", 120_000, 25, 15 * SECOND)
FUNDING = Sort("funding_rate", "", 900, 1, 2 * MINUTE)
INTEREST = Sort("open_interest", "", 700, 1, MINUTE)
DAY = Sort("days", "", 1_200, 2, 20 * SECOND)
DAYS = Sort("all_days", "", 400_000, 80, 30 * SECOND)
MARKET = Sort("market", "", 5_000, 20, HOUR)
BALANCES = Sort("balances", "", 4_000, 20, 10 * SECOND)


def symbols(count: int) -> list[str]:
    """Return names of markets."""
    return [f"C{number:03}/USDT" for number in range(count)]


def polling(seed: int, hours: int) -> list[Access]:
    """Return what agents ask for regularly about 10 markets, with what three people look up in chat between."""
    random, end = Random(seed), hours * HOUR
    found = list(_agents(random, end))
    for _ in range(3):
        found += _person(random, end, symbols(200))
    return sorted(found, key=lambda each: each.at)


def scanned(seed: int, hours: int) -> list[Access]:
    """Return the same, and in the middle somebody goes through 500 symbols, two answers each, and again later."""
    random, end = Random(seed), hours * HOUR
    found = polling(seed, hours)
    for begun in (end // 2, end // 2 + 20 * MINUTE):
        at = begun * 1.0
        for symbol in symbols(500):
            found += [HOURS.of(at, symbol), DAY.of(at + 50, symbol)]
            at += random.uniform(100, 400)
    return sorted(found, key=lambda each: each.at)


def zipf(seed: int, hours: int) -> list[Access]:
    """Return bursts on 800 keys with popularity by Zipf's law, whose order is shuffled anew every half hour."""
    random, end = Random(seed), hours * HOUR
    keys = [(sort, symbol) for sort in (HOURS, MINUTES, BOOK, TRADES) for symbol in symbols(200)]
    weights = [1 / (rank + 1) for rank in range(len(keys))]
    found: list[Access] = []
    at, shuffled = 0.0, -1
    while at < end:
        if int(at) // (30 * MINUTE) != shuffled:
            shuffled = int(at) // (30 * MINUTE)
            random.shuffle(keys)
        for sort, symbol in random.choices(keys, weights, k=random.choice((1, 2, 3, 8, 20))):
            found.append(sort.of(at, symbol))
            at += random.expovariate(1 / 150)
        at += random.expovariate(1 / 3000)
    return found


def _agents(random: Random, end: Millis) -> Iterator[Access]:
    tasks = (
        (MINUTES, 15 * SECOND),
        (HOURS, 5 * MINUTE),
        (BOOK, 10 * SECOND),
        (TRADES, 20 * SECOND),
        (FUNDING, MINUTE),
        (INTEREST, 2 * MINUTE),
        (DAY, 15 * SECOND),
    )
    for symbol in symbols(10):
        for sort, every in tasks:
            phase = random.uniform(0, every)
            for turn in range(int(end // every)):
                yield sort.of(phase + turn * every + random.gauss(0, 0.02) * every, symbol)
    for turn in range(int(end // (30 * SECOND))):
        yield BALANCES.of(turn * 30 * SECOND + random.uniform(0, 500), "")


def _person(random: Random, end: Millis, markets: list[str]) -> Iterator[Access]:
    """Yield one person's evenings: sessions of looking at markets, some of them again and again."""
    at = random.expovariate(1 / (20 * MINUTE))
    weights = [1 / (rank + 3) for rank in range(len(markets))]
    while at < end:
        favourites = random.choices(markets, weights, k=4)
        for _ in range(random.randint(5, 40)):
            symbol = random.choice(favourites) if random.random() < 0.7 else random.choices(markets, weights)[0]
            yield MARKET.of(at, symbol)
            yield DAY.of(at + 100, symbol)
            if random.random() < 0.2:
                yield DAYS.of(at + 200, "")
            for sort in random.sample((HOURS, MINUTES, BOOK, TRADES, FUNDING), k=random.randint(1, 3)):
                at += random.uniform(800, 6000)
                yield sort.of(at, symbol)
            at += random.expovariate(1 / (12 * SECOND))
        at += random.expovariate(1 / (15 * MINUTE))
