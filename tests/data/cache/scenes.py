"""What happens while a trace is recorded: who asks when is invented here from a seed, what is asked is the product's.

``bots``          a day of twenty grid bots with all jobs of the scheduler; from eight to eight a screen on a wall shows
                  four of them at a time, a minute or two each, drawn anew every twenty seconds; an owner looks in some
                  twenty times, first at the digest's hour
``pairs``         a day of the pair selector going through two hundred markets every four hours, beside three traded
                  bots and an owner who looks at what was proposed
``conversation``  an hour and a half in the evening of a club whose fifty people look around among a hundred markets,
                  each with some favourites: they type and take suggestions, tap what a reply offers, or go on to
                  another market

Pauses between commands are those of people who read: seconds within a visit, exponentially distributed between visits.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from commands.registry import Role
from data.values import Millis
from engine.exchanges.invented_market import Listing
from tests.data.cache.living import DAY, MINUTE, SECOND, START, Life, Visitor, invented

HOUR: Millis = 60 * MINUTE
MORNING, NIGHT = 8 * HOUR, 20 * HOUR
PANES, REDRAWN = 4, 20 * SECOND
"""Bots that the screen on the wall shows at a time, and how often it draws each."""
WIDE = {
    "max_bots": 40, "max_total_exposure": 1_000_000, "max_open_orders": 2_000, "max_drawdown_perc": 60,
    "max_daily_loss_perc": 60, "max_orders_per_minute": 600,
}  # fmt: skip
"""Limits that an invented market does not reach, so that nothing stops half way."""
READING = ("market", "chart", "indicators", "book", "validate", "grid", "markets", "bots", "pnl", "orders", "status")
"""Commands whose buttons are tapped here."""
Scene = Callable[[Path, int], Coroutine[Any, Any, Life]]


async def bots(home: Path, seed: int) -> Life:
    """Let twenty bots trade for a day."""
    random, listings = Random(seed), invented(20, seed)
    life = Life(home, listings, seed, risk_management=WIDE)
    owner = await _opened(life, "ana", _spot(listings), 20)
    wall = Visitor(life, "wall", Role.VIEWER)
    numbers = [each.id for each in life.desk.bots()]

    for _ in range(PANES):
        _show(life, wall, random, numbers)
    for at in [START + 8 * HOUR + MINUTE, *(START + int(random.uniform(0, DAY)) for _ in range(20))]:
        life.plan(at, partial(_look_in, life, owner, random, numbers))
    return await _lived(life, DAY)


async def pairs(home: Path, seed: int) -> Life:
    """Let the pair selector go through two hundred markets for a day."""
    random, listings = Random(seed), invented(200, seed)
    symbols = _spot(listings)
    wanted = {
        "enabled": True, "min_volume_usd_24h": 5_000_000, "min_atr_perc_24h": 5, "max_adx": 16, "max_spread_perc": 1,
        "update_interval_hours": 4,
        "spot_pairs": {"preferred_symbols": symbols, "min_liquidity_depth": 100_000},
    }  # fmt: skip
    life = Life(home, listings, seed, risk_management=WIDE, pair_selection=wanted, trading={"max_concurrent_pairs": 5})
    owner = await _opened(life, "ana", symbols, 3)
    numbers = [each.id for each in life.desk.bots()]
    for _ in range(20):
        life.plan(START + int(random.uniform(0, DAY)), partial(_look_in, life, owner, random, numbers))
    return await _lived(life, DAY)


async def conversation(home: Path, seed: int) -> Life:
    """Let fifty people look around for an hour and a half."""
    listings = invented(100, seed)
    life = Life(home, listings, seed, risk_management=WIDE)
    symbols = [each.symbol for each in listings]
    await _opened(life, "ana", _spot(listings), 2)
    for number, name in enumerate(["ana", *(f"member{number}" for number in range(2, 51))]):
        visitor, random = Visitor(life, name), Random(f"{seed} {number}")
        _come_back(life, visitor, random, symbols)
    return await _lived(life, 90 * MINUTE)


def _show(life: Life, wall: Visitor, random: Random, numbers: Sequence[int]) -> None:
    """Let one part of the screen show one bot after the other, and go dark for the night."""

    async def draw(number: int, frame: str, left: int) -> None:
        await wall.say(f"/chart {number} {frame}")
        now = life.clock.now()
        if left:
            life.plan(now + REDRAWN, partial(draw, number, frame, left - 1))
        elif now < START + NIGHT:
            life.plan(now + REDRAWN, begin)

    async def begin() -> None:
        await draw(random.choice(numbers), random.choice(("1m", "5m", "1h")), random.randint(2, 6))

    life.plan(START + MORNING + int(random.uniform(0, REDRAWN)), begin)


SCENES: dict[str, Scene] = {"bots": bots, "pairs": pairs, "conversation": conversation}


def _spot(listings: Sequence[Listing]) -> list[str]:
    return [each.symbol for each in listings if not each.tiers]


async def _opened(life: Life, name: str, symbols: Sequence[str], count: int) -> Visitor:
    """Start everything, and bots on the first so many markets."""
    await life.begin()
    owner = Visitor(life, name)
    for symbol in symbols[:count]:
        await owner.start_grid(symbol, 0.12, 12, 800)
        await life.until(life.clock.now() + 5 * SECOND)
    return owner


async def _lived(life: Life, span: Millis) -> Life:
    try:
        await life.until(START + span)
    finally:
        await life.stop()
    return life


async def _look_in(life: Life, owner: Visitor, random: Random, numbers: Sequence[int]) -> None:
    """Look at the whole, then at a few bots closely."""
    lines = ["/status", "/bots", "/pnl"]
    for number in random.sample(list(numbers), k=min(len(numbers), random.randint(1, 5))):
        bot = life.desk.bot(number)
        if bot is None:
            continue
        symbol = bot.market.symbol
        lines += [
            f"/chart {number}",
            *random.sample((f"/market {symbol}", f"/indicators {symbol}", f"/book {symbol}"), 2),
        ]
    proposed = [each for each in life.desk.decisions(0, 10) if each.rule.value == "market_proposed"]
    for decision in proposed[:2]:
        symbol = next((known.value for known in decision.inputs if known.name == "market"), "")
        lines += [f"/market {symbol}", f"/chart {symbol}", f"/validate {symbol}"]

    async def next_line(left: Sequence[str]) -> None:
        await owner.say(left[0])
        if len(left) > 1:
            life.plan(life.clock.now() + int(random.uniform(4, 30) * SECOND), partial(next_line, left[1:]))

    await next_line(lines)


def _come_back(life: Life, visitor: Visitor, random: Random, symbols: Sequence[str]) -> None:
    """Plan a person's visits, one after the other."""
    weights = [1 / (rank + 2) for rank in range(len(symbols))]
    favourites = random.choices(symbols, weights, k=5)

    def choose() -> str:
        return random.choice(favourites) if random.random() < 0.6 else random.choices(symbols, weights)[0]

    async def step(left: int, symbol: str) -> None:
        await _act(visitor, random, symbol)
        if left:
            after = symbol if random.random() < 0.6 else choose()
            life.plan(life.clock.now() + int(random.lognormvariate(2.3, 0.8) * SECOND), partial(step, left - 1, after))
        else:
            leave()

    def leave() -> None:
        pause = int(random.expovariate(1 / 6) * MINUTE)
        life.plan(life.clock.now() + pause, partial(step, random.randint(3, 20), choose()))

    leave()


async def _act(visitor: Visitor, random: Random, symbol: str) -> None:
    """Tap something that is offered, or type a command about a market."""
    offered = [each.line for each in visitor.offered if each.line.lstrip("/").split()[0] in READING]
    if offered and random.random() < 0.45:
        await visitor.say(random.choice(offered))
        return
    weights: dict[str, Any] = {
        "market": 6, "chart": 6, "indicators": 3, "book": 3, "grid": 2, "validate": 0.1, "markets": 1
    }  # fmt: skip
    command = random.choices(list(weights), list(weights.values()))[0]
    if command != "markets":
        for end in range(1, 4):
            await visitor.type(command, "symbol", symbol[:end].lower())
    frame = f" {random.choice(('5m', '15m', '1h', '4h', '1d'))}" if command in ("chart", "indicators") else ""
    await visitor.say(f"/{command} {symbol[:2] if command == 'markets' else symbol}{frame}")
