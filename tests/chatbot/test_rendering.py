"""Every reply becomes messages that every platform takes, and nothing of it is lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.rendering import (
    Block,
    Limits,
    Style,
    badge,
    button_rows,
    first_line,
    parts,
    plain,
    plain_text,
    utf16_size,
)
from commands.reply import Button, Card, Chart, Failure, Field, PnlSeries, Proposal, Reply, Table, Text
from data.values import Mode

TELEGRAM = Limits(text=4096, caption=1024)
TINY = Limits(text=120, caption=60, rows=2)


def _marked_size(blocks: Sequence[Block]) -> int:
    return len(plain(blocks)) + 4 * len(blocks)


DISCORD = Limits(text=2000, caption=2000, size=_marked_size, row_buttons=5, rows=5, label=80)
CONSOLE = Limits(text=100_000, caption=100_000, columns=100)

words = st.text(st.characters(codec="utf-8"), max_size=60)
long = st.builds(
    lambda word, glue, times: glue.join([word] * times), words, st.sampled_from(" \n,"), st.integers(1, 300)
)
texts = st.one_of(words, st.lists(words, max_size=40).map("\n".join), st.text(" ab1.\n", max_size=200), long)
buttons = st.lists(st.builds(Button, words, st.just("/bots 1"), st.booleans()), max_size=30).map(tuple)
modes = st.one_of(st.none(), st.sampled_from(Mode))
fields = st.lists(st.builds(Field, words, texts), max_size=12).map(tuple)
cards = st.builds(Card, title=texts, fields=fields, mode=modes, note=texts, buttons=buttons)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table of up to six columns and many rows."""
    columns = draw(st.lists(words, min_size=1, max_size=6).map(tuple))
    row = st.tuples(*(words for _ in columns))
    rows = tuple(draw(st.lists(row, max_size=30))) * draw(st.integers(1, 60))
    return Table(title=draw(words), columns=columns, rows=rows, mode=draw(modes), note=draw(words), empty=draw(words))


SERIES = PnlSeries(
    title="P&L", mode=Mode.SHADOW, currency="USDT", at=(), equity=(), buy_and_hold=(), hold_initial_mix=(),
    invested=Decimal(1),
)  # fmt: skip
replies = st.one_of(
    st.builds(Text, text=texts, buttons=buttons),
    cards,
    tables(),
    st.builds(Chart, caption=cards, picture=st.just(SERIES)),
    st.builds(
        Proposal, plan_id=st.just("abcdefgh"), card=cards, confirm=st.just(Button("Confirm", "/confirm abcdefgh")),
        discard=st.just(Button("Discard", "/discard abcdefgh")), expires_at=st.integers(0, 2_000_000_000_000),
    ),
    st.builds(Failure, problem=texts, field=words, value=texts, accepted=texts, buttons=buttons),
)  # fmt: skip


def said(reply: Reply) -> list[str]:
    """Return every text of a reply, in the order in which a reader must find them."""
    match reply:
        case Text(text=text):
            return [text]
        case Card(title=title, fields=fields, note=note):
            return [title, *(text for each in fields for text in (each.label, each.value)), note]
        case Table(title=title, rows=rows, note=note, empty=empty):
            cells = [cell for row in rows for at, cell in enumerate(row) if at not in same_everywhere(reply)]
            return [title, *(cells if rows else [empty]), note]
        case Chart(caption=card) | Proposal(card=card):
            return said(card)
        case Failure(problem=problem, value=value, accepted=accepted):
            return [problem, value, accepted]


def same_everywhere(table: Table) -> set[int]:
    """Return the columns that may be said once for all rows."""
    rows = table.rows
    return {at for at in range(len(table.columns)) if len({row[at] for row in rows}) == 1 < len(rows)}


def letters(text: str) -> str:
    """Return a text without what wrapping may change: blanks and characters nobody sees."""
    return "".join(each for each in text if each.isprintable() and not each.isspace())


@pytest.mark.parametrize("limits", [TELEGRAM, DISCORD, CONSOLE, TINY], ids=["telegram", "discord", "console", "tiny"])
@settings(max_examples=60, deadline=None)
@given(reply=replies)
def test_every_reply_fits_and_loses_nothing(limits: Limits, reply: Reply) -> None:
    found = parts(reply, limits)
    assert found
    for each in found:
        assert limits.size(each.blocks) <= (limits.caption if each.picture and each.blocks else limits.text)
        assert each.picture or plain(each.blocks).strip()
        assert len(each.rows) <= limits.rows
        assert all(0 < len(row) <= limits.row_buttons for row in each.rows)
        assert all(0 < len(button.label) <= limits.label for row in each.rows for button in row)
    shown = letters("".join(plain(each.blocks) for each in found))
    _found_in_order(letters("".join(said(reply))), shown)
    if isinstance(reply, Table) and reply.rows:
        for text in (*reply.columns, *(reply.rows[0][at] for at in same_everywhere(reply))):
            _found_in_order(letters(text), shown)
    wanted = [button.line for button in _buttons(reply)]
    assert [button.line for each in found for row in each.rows for button in row] == wanted


def _found_in_order(text: str, shown: str) -> None:
    # Headings and numbers of parts may stand between two letters that a break has parted.
    at = 0
    for letter in text:
        at = shown.find(letter, at)
        assert at >= 0, (letter, text)
        at += 1


def _buttons(reply: Reply) -> tuple[Button, ...]:
    match reply:
        case Chart(caption=card):
            return card.buttons
        case Proposal(card=card, confirm=confirm, discard=discard):
            return (confirm, discard, *card.buttons)
        case _:
            return reply.buttons


def test_a_narrow_table_is_aligned_and_numbers_stand_on_the_right() -> None:
    table = Table(
        title="Orders", columns=("Side", "Price"), rows=(("buy", "9.50"), ("sell", "10.25")), mode=Mode.SHADOW
    )
    assert plain_text(table) == "SHADOW · Orders\nSide  Price\nbuy    9.50\nsell  10.25"


def test_a_table_too_wide_for_a_phone_becomes_blocks_of_labels_and_values() -> None:
    table = Table(
        title="Bots", columns=("Market", "Total"), rows=(("BTC/USDT", "+3.25 USDT (+0.33 %)"), ("ETH/USDT", ""))
    )
    text = plain_text(table, columns=20)
    assert text == "Bots\nMarket: BTC/USDT\nTotal: +3.25 USDT (+0.33 %)\n\nMarket: ETH/USDT\nTotal: –"


def test_what_is_the_same_in_every_row_is_said_once_when_space_is_short() -> None:
    rows = (("buy", "9.50", "0.00195 BTC"), ("sell", "10.25", "0.00195 BTC"))
    table = Table(title="Orders", columns=("Side", "Price", "Quantity"), rows=rows, note="All open.")
    assert plain_text(table, columns=20) == (
        "Orders\nSide  Price\nbuy    9.50\nsell  10.25\n\nQuantity (all): 0.00195 BTC\n\nAll open."
    )


def test_an_empty_table_says_so() -> None:
    assert plain_text(Table(title="Bots", columns=("No.",), rows=(), empty="There is no bot yet.")) == (
        "Bots\nThere is no bot yet."
    )


def test_long_text_breaks_between_paragraphs_before_words() -> None:
    first, second = "one " * 20, "two " * 20
    found = parts(Text(text=f"{first.strip()}\n\n{second.strip()}"), Limits(text=120, caption=0))
    assert [plain(each.blocks) for each in found] == [f"{first.strip()}\n1/2", f"{second.strip()}\n2/2"]


@given(st.lists(st.decimals(0, 10**9, places=2).map(str), min_size=1, max_size=200))
def test_no_number_is_cut(numbers: list[str]) -> None:
    found = parts(Text(text=" ".join(numbers)), Limits(text=60, caption=0))
    seen = [word for each in found for word in re.sub(r"\n\d+/\d+$", "", plain(each.blocks)).split()]
    assert seen == numbers


def test_wide_letters_count_double_and_combining_ones_not_at_all() -> None:
    table = Table(title="T", columns=("a", "b"), rows=(("日本", "x"), ("é", "y")))
    lines = plain_text(table).split("\n")
    assert lines[1:] == ["a     b", "日本  x", "é     y"]


def test_a_long_caption_leaves_the_picture() -> None:
    card = Card(title="P&L", fields=(Field("Total", "1 " * 40),), buttons=(Button("7d", "/pnl 7d"),))
    picture, text = parts(Chart(caption=card, picture=SERIES), TINY)
    assert (picture.picture, picture.blocks, picture.rows) == (SERIES, (), ())
    assert text.picture is None
    assert text.rows == ((Button("7d", "/pnl 7d"),),)


@pytest.mark.parametrize("mode", Mode)
def test_the_lock_screen_shows_the_mode_first(mode: Mode) -> None:
    assert first_line(Card(title="Bought 1 BTC", fields=(), mode=mode)) == f"{badge(mode)} · Bought 1 BTC"


def test_a_failure_says_what_was_given_and_what_would_do() -> None:
    failure = Failure(problem="lower cannot be that.", field="lower", value="abc", accepted="a number")
    assert plain_text(failure) == "✖ lower cannot be that.\nlower: abc\nAccepted: a number"


def test_buttons_fill_rows_that_a_phone_shows_whole() -> None:
    labels = ["A", "B", "C", "D", "a label of twenty let", "another long label"]
    rows = button_rows([Button(each, "/x") for each in labels], TELEGRAM)
    assert [[each.label for each in row] for row in rows] == [["A", "B", "C"], ["D", labels[4]], [labels[5]]]


def test_sizes_count_as_telegram_does() -> None:
    assert utf16_size([Block(Style.PLAIN, "a\N{GRINNING FACE}")]) == 3
