"""Charts look as they looked when a person last judged them, whatever the numbers."""

import io
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from chatbot.charts import grid, pnl, theme
from chatbot.charts.canvas import Canvas
from chatbot.charts.renderer import Picture, render
from chatbot.charts.words import translated
from commands.reply import FillMark, GridPicture, PnlSeries
from data.values import Mode, Side
from tests.golden.pictures import GOLDEN, HOUR, START, STORED, candles
from tests.golden.pictures import grid as grid_picture
from tests.golden.pictures import series as pnl_series

LIMIT = 150 * 1024


def difference(one: bytes, other: bytes) -> float:
    """Return the mean difference (0 to 255) of the worst of 10 × 12 tiles, as an eye at arm's length sees it."""
    pictures = [
        Image.open(io.BytesIO(png)).convert("RGB").resize((270, 336), Image.Resampling.BOX) for png in (one, other)
    ]
    first, second = (np.asarray(picture, dtype=np.float64) for picture in pictures)
    return float(np.abs(first - second).mean(axis=2).reshape(12, 28, 10, 27).mean(axis=(1, 3)).max())


def drawn(picture: Picture) -> Canvas:
    """Return the canvas before it became a file."""
    return pnl.draw(picture, translated()) if isinstance(picture, PnlSeries) else grid.draw(picture, translated())


def texts(canvas: Canvas) -> list[Text]:
    """Return every text on the canvas."""
    return [artist for artist in canvas.figure.artists if isinstance(artist, Text) and artist.get_text()]


def extents(canvas: Canvas) -> list[tuple[str, Bbox]]:
    """Return every text with the rectangle it covers."""
    renderer = FigureCanvasAgg(canvas.figure).get_renderer()  # type: ignore[no-untyped-call]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts(canvas)]


FLAT = PnlSeries(
    title="All bots",
    mode=Mode.SHADOW,
    currency="USDT",
    at=tuple(START + n * HOUR for n in range(30)),
    equity=(Decimal(1000),) * 30,
    buy_and_hold=(Decimal(1000),) * 30,
    hold_initial_mix=(Decimal(1000),) * 30,
    invested=Decimal(1000),
)
ZEROES = PnlSeries(
    title="Nothing in it",
    mode=Mode.SHADOW,
    currency="BTC",
    at=(START, START),
    equity=(Decimal(0), Decimal(0)),
    buy_and_hold=(Decimal(0), Decimal(0)),
    hold_initial_mix=(Decimal(0), Decimal(0)),
    invested=Decimal(0),
)
EMPTY = PnlSeries(
    title="New",
    mode=Mode.PRODUCTION,
    currency="USDT",
    at=(),
    equity=(),
    buy_and_hold=(),
    hold_initial_mix=(),
    invested=Decimal(1),
)
BARE = GridPicture(title="$TRUMP/USDT $x$ 币", symbol="A/B", mode=Mode.SHADOW, timeframe="1h", candles=())
LONG = "A bot with a name that nobody could ever fit above a picture on a telephone"
CASES: dict[str, Picture] = {
    **GOLDEN,
    "flat": FLAT,
    "zeroes": ZEROES,
    "no points": EMPTY,
    "one point": pnl_series(1, mode=Mode.TESTNET),
    "two points": pnl_series(2),
    "ten thousand points": pnl_series(10_000),
    "fortune": pnl_series(300, start=1.5e9, trend=-0.6, digits=0),
    "satoshis": pnl_series(48, start=0.012, digits=8),
    "below zero": pnl_series(100, trend=-3.0),
    "no candles": BARE,
    "one candle": grid_picture(candles(1, 100_000, 2), levels=2),
    "one flat candle": grid_picture(candles(1, 100_000, 2, 0.0), levels=2),
    "300 candles": grid_picture(candles(300, 101_234.5, 1), levels=150, mode=Mode.PRODUCTION),
    "exits beside the price": grid_picture(
        candles(40, 100, 2), take_profit=Decimal("101.9"), stop_loss=Decimal("101.7"), mode=Mode.SHADOW
    ),
    "exits far away": grid_picture(candles(40, 100, 2), take_profit=Decimal(900), stop_loss=Decimal("0.01")),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_chart_looks_as_stored(name: str) -> None:
    stored = STORED / f"{name}.png"
    assert stored.stat().st_size <= LIMIT
    # Letters move by a fraction of a pixel between font libraries; a lost line or another colour is far more.
    assert difference(render(GOLDEN[name]), stored.read_bytes()) < 2


def test_the_tolerance_notices_a_lost_line() -> None:
    whole = grid_picture(candles(90, 68_000, 2), take_profit=Decimal(71_000), levels=4)
    without = grid_picture(candles(90, 68_000, 2), take_profit=Decimal(71_000), levels=3)
    assert difference(render(whole), render(without)) > 2


def test_the_tolerance_notices_another_mode() -> None:
    assert difference(render(pnl_series(50)), render(pnl_series(50, mode=Mode.PRODUCTION))) > 20


@pytest.mark.parametrize("name", CASES)
def test_chart_is_a_png_of_the_promised_size(name: str) -> None:
    png = render(CASES[name])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.size == (theme.WIDTH, theme.HEIGHT)
    assert len(png) < 400_000


@pytest.mark.parametrize("name", CASES)
def test_texts_stay_inside_and_apart(name: str) -> None:
    found = extents(drawn(CASES[name]))
    outside = [text for text, box in found if box.x0 < 0 or box.y0 < 0 or box.x1 > theme.WIDTH or box.y1 > theme.HEIGHT]
    assert outside == []
    # Boxes of letters include their empty descenders; two pixels in are still apart to the eye.
    overlaps = [(one, other) for (one, a), (other, b) in combinations(found, 2) if a.padded(-2).overlaps(b.padded(-2))]
    assert overlaps == []


@pytest.mark.parametrize("name", CASES)
def test_badge_says_the_mode(name: str) -> None:
    picture = CASES[name]
    assert picture.mode.value.upper() in [text.get_text() for text in texts(drawn(picture))]


@pytest.mark.parametrize("name", CASES)
def test_no_text_is_smaller_than_a_phone_can_show(name: str) -> None:
    sizes = [float(text.get_fontsize()) for text in texts(drawn(CASES[name]))]
    assert min(sizes) / theme.WIDTH * 360 >= 10


def test_badges_differ_in_colour() -> None:
    assert len({theme.MODES[mode] for mode in Mode}) == len(Mode)


def test_equal_pictures_are_equal_files() -> None:
    assert render(GOLDEN["grid_exits"]) == render(GOLDEN["grid_exits"])


def test_legend_carries_the_last_values() -> None:
    words = [text.get_text() for text in texts(drawn(FLAT))]
    assert words.count("1,000.00") == 4
    assert "1,000.00 USDT" in words
    assert "0.00 (0.00 %)" in words


def test_exits_are_labelled_and_point_where_they_are() -> None:
    words = [text.get_text() for text in texts(drawn(CASES["exits far away"]))]
    assert "TP 900 ↑" in words
    assert "SL 0.01 ↓" in words


def test_fills_before_the_first_candle_are_not_counted() -> None:
    bars = candles(10, 100, 2)
    early = FillMark(START - 1, Side.BUY, Decimal(100))
    picture = GridPicture(
        title="Bot",
        symbol="A/B",
        mode=Mode.SHADOW,
        timeframe="1h",
        candles=bars,
        fills=(early, FillMark(START, Side.SELL, Decimal(100))),
    )
    words = [text.get_text() for text in texts(drawn(picture))]
    assert words[words.index("Buys") + 1] == "0"
    assert words[words.index("Sells") + 1] == "1"


def test_dollars_and_unknown_letters_are_only_letters() -> None:
    words = [text.get_text() for text in texts(drawn(BARE))]
    assert "$TRUMP/USDT $x$ ▯" in words
    assert "No data yet" in words


def test_lines_of_unequal_length_are_refused() -> None:
    broken = PnlSeries(
        title="Bot",
        mode=Mode.SHADOW,
        currency="USDT",
        at=(START,),
        equity=(Decimal(1),),
        buy_and_hold=(),
        hold_initial_mix=(Decimal(1),),
        invested=Decimal(1),
    )
    with pytest.raises(ValueError, match="buy_and_hold: 0 values for 1 instants"):
        render(broken)


def test_there_are_few_stored_charts() -> None:
    assert {file.stem for file in Path(STORED).glob("*")} == set(GOLDEN)
