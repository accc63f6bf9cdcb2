"""Colours and sizes: dark, safe for colour-blind eyes (Okabe and Ito), legible when 1080 pixels shrink to 360."""

from __future__ import annotations

from data.values import Mode

WIDTH = 1080
HEIGHT = 1350
MARGIN = 36

# A phone shows the picture at a third of its size, so 30 pixels here are 10 there: the smallest text anybody reads.
SMALL = 30
BODY = 32
LARGE = 44
BADGE = 32

BACKGROUND = "#0e1116"
PANEL = "#141a22"
RULE = "#2a333f"
TEXT = "#f0f4f8"
MUTED = "#a9b4c0"

SKY = "#56b4e9"
GREEN = "#009e73"
ORANGE = "#e69f00"
YELLOW = "#f0e442"
VERMILLION = "#d55e00"
PURPLE = "#cc79a7"

# Vermillion and green as text need more light than as areas.
GAIN = "#2ec79b"
LOSS = "#ff8a3d"

MODES: dict[Mode, str] = {Mode.SHADOW: "#b3bdc9", Mode.TESTNET: YELLOW, Mode.PRODUCTION: "#ff6a1a"}
"""Background of the mode badge; its text is always dark."""
