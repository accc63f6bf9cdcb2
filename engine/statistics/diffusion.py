"""What a driftless diffusion does to a grid of slots: fills and cycles, in the long run and from a fresh start.

Let log price be a Brownian motion of variance ``s²`` a day, the lines ``d`` apart, and the grid start wherever between
two lines. Noting the line touched last, price moves on to a neighbouring one after the exit time of (-d, d), whose
mean is ``d²/s²`` (optional stopping of W² - t; Karatzas & Shreve, "Brownian Motion and Stochastic Calculus", 2.8).
Every such move fills one order: a fall to the line below buys, a rise to the one above sells. In the long run, so,

    fills a day = s²/d²,    cycles a day = s²/(2·d²),

the latter also by Lévy's downcrossing theorem (ibid., 6.2): a slot's upcrossings are local time / 2d, and the local
times at places d apart add up to s²/d.

Over a horizon ``T`` fewer cycles are completed: the first sale of a slot that started full closes none, and purchases
are still open at the end. A slot below the start, its lower line at distance x, completes its k-th cycle at the passage
time of distance x + (2k-1)·d (one-sided passage times of consecutive distances add up to that of their sum); a slot
above, its upper line at x, at that of x + 2k·d. By reflection P(passage of z by T) = 2·Φ(-z/(s·√T)). Summed over the
slots, for a start uniform between two lines, with ``y = s·√T/d``:

    cycles = 2·Σ G(2k),  k ≥ 1        G(m) = ∫ 2·Φ(-z/y) dz from m on = 2y·(φ(m/y) - (m/y)·Φ(-m/y))
    fills  = G(0) + 2·Σ G(n),  n ≥ 1

which are y²/2 - y·√(2/π) + 1/3 and y² + 1/6 once y is a few lines (Euler-Maclaurin).
"""

from __future__ import annotations

import math

REACH = 8.0
"""Standard deviations beyond which a normal distribution has nothing to add."""
LONG = 50.0
"""Lines from which on the sums are their limits to nine digits."""
SPREAD = 0.25
"""Var of the cycles over y², as simulated: between 0.14 at y = 2 and 0.28 at y = 16."""


def cycles(lines: float) -> float:
    """Return the mean number of completed cycles while price diffuses by ``lines`` (its standard deviation over d)."""
    if lines > LONG:
        return lines**2 / 2 - math.sqrt(2 / math.pi) * lines + 1 / 3
    return 2 * sum(_beyond(2.0 * k, lines) for k in range(1, _terms(lines / 2)))


def fills(lines: float) -> float:
    """Return the mean number of orders filled while price diffuses by ``lines`` (its standard deviation over d)."""
    if lines > LONG:
        return lines**2 + 1 / 6
    return _beyond(0.0, lines) + 2 * sum(_beyond(float(n), lines) for n in range(1, _terms(lines)))


def _terms(lines: float) -> int:
    return math.ceil(REACH * lines) + 1


def _beyond(m: float, lines: float) -> float:
    """Return G(m)."""
    if lines <= 0:
        return 0.0
    z = m / lines
    density, tail = math.exp(-z * z / 2) / math.sqrt(2 * math.pi), math.erfc(z / math.sqrt(2)) / 2
    return 2 * lines * (density - z * tail)
