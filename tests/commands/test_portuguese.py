"""A person who chose Portuguese is answered in Portuguese, from the first word to a mistake."""

from __future__ import annotations

from commands.reply import Text
from tests.commands.library.stage import Stage, value


async def test_the_language_is_chosen_and_spoken_at_once() -> None:
    stage = Stage()
    assert (await stage.card("/settings locale pt_BR")).title == "Salvo"
    assert (await stage.card("/settings")).title == "Suas configurações"
    assert (await stage.card("/settings locale default")).title == "Saved"


async def test_help_mistakes_and_questions_are_in_portuguese() -> None:
    stage = Stage()
    await stage.card("/settings locale pt_BR")
    (listing,) = await stage.say("/help")
    assert isinstance(listing, Text)
    assert "/grid – Iniciar um grid: compra embaixo, vende em cima, sem parar" in listing.text
    assert value(await stage.card("/help grid"), "Antes de executar") == "você vê o plano e confirma"
    assert (await stage.card("/grid")).title == "Qual mercado o grid deve operar?"
    mistake = await stage.failure("/bots 99")
    assert mistake.problem == "Não existe esse bot."
    assert (await stage.failure("/grid BTC/USDT x")).problem == "lower não pode ser isso."


async def test_one_and_many_differ() -> None:
    stage = Stage()
    await stage.card("/settings locale pt_BR")
    levels = await stage.card("/grid BTC/USDT 58000 64000")
    assert "10 linhas" in [each.label for each in levels.fields]


async def test_others_keep_their_language() -> None:
    stage = Stage()
    await stage.card("/settings locale pt_BR")
    assert (await stage.card("/settings", "vera")).title == "Your settings"
