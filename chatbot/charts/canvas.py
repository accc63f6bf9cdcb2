"""A figure in pixels: text that never parses, lines that stay inside their panel, the header and the time axis."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import msgspec
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform
from PIL import Image

from chatbot.charts import theme
from chatbot.charts.scale import Floats, Tick, stamp, time_ticks
from data.values import Millis, Mode

# At 72 dots per inch a point is a pixel, so every size below and in the theme is in pixels.
_DPI = 72
# A missing letter: a box, as browsers draw it, instead of a warning.
_BOX = "\N{WHITE VERTICAL RECTANGLE}"
_PIXELS = IdentityTransform()


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle in pixels (origin at the lower left) and the range of values it shows."""

    left: float
    right: float
    bottom: float
    top: float
    x0: float
    x1: float
    y0: float
    y1: float

    def x(self, values: Floats) -> Floats:
        """Return the horizontal pixels of instants."""
        return self.left + (values - self.x0) / (self.x1 - self.x0) * (self.right - self.left)

    def y(self, values: Floats) -> Floats:
        """Return the vertical pixels of values."""
        return self.bottom + (values - self.y0) / (self.y1 - self.y0) * (self.top - self.bottom)

    def x_of(self, value: float) -> float:
        """Return the horizontal pixel of one instant."""
        return float(self.x(np.array([value]))[0])

    def y_of(self, value: float) -> float:
        """Return the vertical pixel of one value."""
        return float(self.y(np.array([value]))[0])

    @property
    def box(self) -> Bbox:
        """Return the rectangle to clip to."""
        return Bbox.from_extents(self.left, self.bottom, self.right, self.top)


@cache
def _font(size: float, bold: bool) -> FontProperties:
    # The font that ships with matplotlib, by its file: the same letters on every machine.
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontProperties(fname=str(Path(mpl.get_data_path(), "fonts", "ttf", name)), size=size)


@cache
def _letters(bold: bool) -> frozenset[int]:
    return frozenset(_face(bold).get_charmap())


@cache
def _face(bold: bool) -> FT2Font:
    return FT2Font(str(_font(theme.BODY, bold).get_file()))


@cache
def _advance(letter: str, bold: bool) -> float:
    # Letter by letter and remembered: laying out every text twice would cost a quarter of the whole picture.
    face = _face(bold)
    face.set_size(100, _DPI)
    return face.load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 100


def _printable(text: str, bold: bool) -> str:
    known = _letters(bold)
    return "".join(letter if ord(letter) in known else _BOX for letter in " ".join(text.split()))


class Canvas:
    """One picture being drawn."""

    def __init__(self, width: int = theme.WIDTH, height: int = theme.HEIGHT) -> None:
        """Open a picture of ``width`` × ``height`` pixels."""
        self.width, self.height = width, height
        size = (width / _DPI, height / _DPI)
        self.figure = Figure(figsize=size, dpi=_DPI, facecolor=theme.BACKGROUND, edgecolor="none")
        self._agg: Any = FigureCanvasAgg(self.figure)  # its methods are untyped

    def add(self, artist: Artist, panel: Panel | None = None) -> None:
        """Draw ``artist``, whose coordinates are pixels, clipped to ``panel`` where there is one."""
        if not artist.is_transform_set():
            artist.set_transform(_PIXELS)
        self.figure.add_artist(artist)
        if panel is not None:
            artist.set_clip_box(panel.box)

    def text_width(self, text: str, size: float = theme.SMALL, *, bold: bool = False) -> float:
        """Return how many pixels ``text`` takes."""
        return size * sum(_advance(letter, bold) for letter in _printable(text, bold))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        color: str = theme.TEXT,
        *,
        size: float = theme.SMALL,
        bold: bool = False,
        align: Literal["left", "center", "right"] = "left",
        room: float = 0,
    ) -> float:
        """Write one line whose middle is at ``y``, shortened to ``room`` pixels; return the width it took."""
        text = _printable(text, bold)
        if room:
            text, size = self._fitting(text, size, bold, room)
        self.add(
            Text(
                x,
                y,
                text,
                color=color,
                fontproperties=_font(size, bold),
                horizontalalignment=align,
                verticalalignment="center_baseline",
                parse_math=False,  # a dollar sign in a symbol is a dollar sign
                usetex=False,
                zorder=9,
            )
        )
        return self.text_width(text, size, bold=bold)

    def _fitting(self, text: str, size: float, bold: bool, room: float) -> tuple[str, float]:
        width = self.text_width(text, size, bold=bold)
        if width > room:
            size = max(theme.SMALL, size * room / width)
        cut = text
        while cut and self.text_width(text, size, bold=bold) > room:
            cut = cut[:-1]
            text = f"{cut.rstrip()}\N{HORIZONTAL ELLIPSIS}"
        return text, size

    def line(
        self, x: Floats, y: Floats, color: str, panel: Panel, *, width: float = 4, dash: tuple[float, ...] = ()
    ) -> None:
        """Draw a line through values; one value alone becomes a dot."""
        alone = len(x) == 1
        self.add(
            Line2D(
                panel.x(x),
                panel.y(y),
                color=color,
                linewidth=width,
                linestyle=(0, dash) if dash else "-",
                dash_capstyle="butt",
                solid_capstyle="round",
                solid_joinstyle="round",
                marker="o" if alone else "None",
                markersize=16,
                markeredgewidth=0,
                markerfacecolor=color,
                zorder=4,
            ),
            panel,
        )

    def rule(self, x: tuple[float, float], y: tuple[float, float], color: str, *, width: float = 1.5) -> None:
        """Draw a straight line between two pixels."""
        self.add(Line2D(x, y, color=color, linewidth=width, linestyle="-", solid_capstyle="butt", zorder=2, snap=True))

    def frame(self, panel: Panel) -> None:
        """Draw the background of a panel."""
        width, height = panel.right - panel.left, panel.top - panel.bottom
        self.add(Rectangle((panel.left, panel.bottom), width, height, facecolor=theme.PANEL, linewidth=0, zorder=1))

    def tag(self, x: float, y: float, text: str, background: str, *, size: float = theme.SMALL) -> None:
        """Write ``text`` in bold on a rounded box that begins at ``x`` and is centred on ``y``."""
        self._box(x, y, self.tag_width(text, size), size, background)
        self.text(x + 10, y, text, theme.BACKGROUND, size=size, bold=True)

    def tag_width(self, text: str, size: float = theme.SMALL) -> float:
        """Return how many pixels a tag takes."""
        return self.text_width(text, size, bold=True) + 20

    def _box(self, x: float, y: float, width: float, size: float, background: str) -> None:
        height, style = size * 1.4, "round,pad=0,rounding_size=8"
        self.add(
            FancyBboxPatch(
                (x, y - height / 2), width, height, boxstyle=style, facecolor=background, linewidth=0, zorder=8
            )
        )

    def header(self, title: str, mode: Mode) -> None:
        """Write the title on the left and the mode badge on the right."""
        word = mode.value.upper()
        width = self.text_width(word, theme.BADGE, bold=True) + 40
        left, y = self.width - theme.MARGIN - width, self.height - 62
        self._box(left, y, width, theme.BADGE + 8, theme.MODES[mode])
        self.text(left + 20, y, word, theme.BACKGROUND, size=theme.BADGE, bold=True)
        self.text(theme.MARGIN, y, title, size=theme.LARGE, bold=True, room=left - theme.MARGIN - 24)

    def value_axis(self, panel: Panel, ticks: tuple[Tick, ...], taken: tuple[float, ...] = ()) -> None:
        """Rule the panel at each tick and label it on the right, except where a tag has taken the place."""
        for tick in ticks:
            y = panel.y_of(tick.at)
            self.rule((panel.left, panel.right), (y, y), theme.RULE)
            # One at the very bottom would touch the time below.
            if y >= panel.bottom + 12 and all(abs(y - other) >= theme.SMALL * 1.3 for other in taken):
                self.text(panel.right + 12, y, tick.label, theme.MUTED)

    def time_axis(self, panels: tuple[Panel, ...], start: Millis, end: Millis, months: tuple[str, ...]) -> None:
        """Rule the panels at round UTC instants, label them below the last one, and say the whole span below that."""
        last, reach = panels[-1], float(theme.MARGIN)
        for tick in time_ticks(start, end, months):
            x, half = last.x_of(tick.at), self.text_width(tick.label) / 2
            for panel in panels:
                self.rule((x, x), (panel.bottom, panel.top), theme.RULE)
            if x - half >= reach and x + half <= self.width - 8:
                self.text(x, last.bottom - 30, tick.label, theme.MUTED, align="center")
                reach = x + half + 24
        span = stamp(start) if start == end else f"{stamp(start)} \N{EN DASH} {stamp(end)}"
        self.text(theme.MARGIN, last.bottom - 84, f"{span} UTC", theme.MUTED, room=self.width - 2 * theme.MARGIN)

    def png(self) -> bytes:
        """Return the finished picture."""
        self._agg.draw()
        size = (self.width, self.height)
        picture = Image.frombytes("RGB", size, self._agg.buffer_rgba(), "raw", "RGBX")
        # A chart has few colours: a palette halves both the bytes and the time. No metadata, so that equal pictures
        # are equal files.
        palette = picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        out = io.BytesIO()
        palette.save(out, "PNG", compress_level=1)
        return out.getvalue()
