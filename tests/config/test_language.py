"""Each person is spoken to in their own language, English where nothing else is known."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from config.catalogue import read_catalogue
from config.language import _, available, ngettext, use
from config.template import template, texts


def test_english_is_the_source() -> None:
    assert _("given:") == "given:"
    assert ngettext("{count} order", "{count} orders", 1) == "{count} order"
    assert ngettext("{count} order", "{count} orders", 2) == "{count} orders"


@pytest.mark.parametrize("locale", ["pt_BR", "pt-br", "pt", "pt_PT"])
def test_a_language_is_found_by_name_or_kin(locale: str) -> None:
    with use(locale):
        assert _("given:") == "recebido:"
        assert _("a text nobody translated") == "a text nobody translated"
    assert _("given:") == "given:"


@pytest.mark.parametrize("locale", ["en", "en_GB", "tlh", ""])
def test_an_unknown_language_is_english(locale: str) -> None:
    with use(locale):
        assert _("given:") == "given:"


async def test_two_people_at_once_do_not_disturb_each_other() -> None:
    async def speak(locale: str) -> str:
        with use(locale):
            await asyncio.sleep(0)
            return _("given:")

    spoken = await asyncio.gather(speak("pt_BR"), speak("en"))
    assert list(spoken) == ["recebido:", "given:"]


def test_plurals_follow_the_language(tmp_path: Path) -> None:
    file = tmp_path / "xx.po"
    file.write_text(
        'msgid ""\nmsgstr ""\n"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n<5 ? 1 : 2);\\n"\n\n'
        'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "a"\nmsgstr[1] "b"\nmsgstr[2] "c"\n\n'
        'msgid ""\n"two "\n"lines\\n"\nmsgstr "zwei\\n"\n\nmsgid "empty"\nmsgstr ""\n'
    )
    catalogue = read_catalogue(file)
    assert [catalogue.ngettext("one", "many", count) for count in (1, 3, 9)] == ["a", "b", "c"]
    assert catalogue.gettext("two lines\n") == "zwei\n"
    assert catalogue.gettext("empty") == "empty"
    assert catalogue.ngettext("x", "xs", 2) == "xs"


def test_every_locale_reads() -> None:
    assert available()[0] == "en"
    assert "pt_BR" in available()


def test_the_template_lists_marked_texts_once_with_their_files(tmp_path: Path) -> None:
    package = tmp_path / "engine"
    package.mkdir()
    (package / "a.py").write_text('_("x")\nngettext("one \\"y\\"", "many", n)\nother("z")\n_(variable)\n')
    (package / "b.py").write_text('_("x")\n')
    written = template(tmp_path)
    assert '#: engine/a.py\n#: engine/b.py\nmsgid "x"\nmsgstr ""\n' in written
    assert 'msgid "one \\"y\\""\nmsgid_plural "many"\n' in written
    assert list(texts('_("x")')) == [("x", None)]
    assert '"z"' not in written
