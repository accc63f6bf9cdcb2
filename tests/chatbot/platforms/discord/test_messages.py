"""Every reply becomes messages that Discord takes, and nothing of it is lost."""

from __future__ import annotations

import re

import discord
from hypothesis import given, settings

from chatbot.platforms.discord.messages import (
    CONTENT,
    CUSTOM_ID,
    EMBED_FIELDS,
    EMBED_TOTAL,
    LABEL,
    ROW_BUTTONS,
    ROWS,
    Outgoing,
    messages,
    view,
)
from commands.reply import Button, Card, Failure, Field, Proposal, Reply, Text
from data.values import Mode
from tests.chatbot.test_rendering import replies


def _check(embed: discord.Embed) -> None:
    fields = embed.fields
    assert len(fields) <= EMBED_FIELDS
    assert len(embed.title or "") <= 256
    assert len(embed.description or "") <= 4096
    assert len(embed.footer.text or "") <= 2048
    assert all(1 <= len(each.name or "") <= 256 and 1 <= len(each.value or "") <= 1024 for each in fields)
    assert len(embed) <= EMBED_TOTAL


@given(replies)
@settings(max_examples=60)
def test_every_message_is_within_the_limits(reply: Reply) -> None:
    for each in messages(reply):
        assert each.content or each.embed
        assert len(each.content) <= CONTENT
        if each.embed is not None:
            _check(each.embed)
        assert len(each.rows) <= ROWS
        assert all(len(row) <= ROW_BUTTONS for row in each.rows)
        assert all(len(button.label) <= LABEL for row in each.rows for button in row)


def _words(outgoing: Outgoing) -> list[str]:
    said = [outgoing.content]
    if outgoing.embed is not None:
        embed = outgoing.embed
        said += [embed.description or "", *(str(each.value) for each in embed.fields), embed.footer.text or ""]
    return re.findall(r"w\d{4}", " ".join(said))


def test_a_long_card_is_whole_and_in_order() -> None:
    words = [f"w{number:04}" for number in range(3000)]
    fields = tuple(Field(f"label {at}", " ".join(words[at * 100 : at * 100 + 100])) for at in range(30))
    shown = messages(Card(title="Long", fields=fields, mode=Mode.PRODUCTION))
    assert len(shown) > 1
    assert [word for each in shown for word in _words(each)] == words
    assert all(each.embed is not None and (each.embed.title or "").startswith("PRODUCTION") for each in shown)


def test_markup_in_texts_is_only_text() -> None:
    (shown,) = messages(Text(text="*a* _b_ `c` ||d|| [x](http://evil)"))
    assert shown.content.startswith("\\*a\\* \\_b\\_ \\`c\\` \\|\\|d\\|\\|")
    (card,) = messages(Card(title="**x**", fields=(Field("a*", "b*"),)))
    assert card.embed is not None
    assert card.embed.title == "\\*\\*x\\*\\*"
    assert (card.embed.fields[0].name, card.embed.fields[0].value) == ("a\\*", "b\\*")


def test_a_failure_names_what_is_accepted() -> None:
    (shown,) = messages(Failure(problem="No.", field="levels", value="0", accepted="2 or more"))
    assert shown.embed is not None
    assert [(each.name, each.value) for each in shown.embed.fields] == [("levels", "0"), ("Accepted", "2 or more")]


def test_a_proposal_has_both_buttons() -> None:
    card = Card(title="Buy?", fields=(), mode=Mode.SHADOW)
    shown = messages(
        Proposal(
            plan_id="x", card=card, confirm=Button("Start", "/confirm x"), discard=Button("Discard", "/discard x"),
            expires_at=0,
        )
    )  # fmt: skip
    assert [button.line for row in shown[-1].rows for button in row] == ["/confirm x", "/discard x"]


async def test_buttons_carry_their_line_and_are_not_remembered() -> None:
    rows = ((Button("A", "/a"), Button("A again", "/a")), (Button("Stop", "/stop 1", danger=True),))
    made = view((*rows, (Button("Too long", "/" + "x" * CUSTOM_ID),)))
    shown = [child for child in made.children if isinstance(child, discord.ui.Button)]
    assert [(each.custom_id, each.style) for each in shown] == [
        ("/a", discord.ButtonStyle.secondary),
        ("/stop 1", discord.ButtonStyle.danger),
    ]
    assert made.is_finished()
