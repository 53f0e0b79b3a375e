"""The catalogues: complete, fitting, and what the program reads is what the translators wrote. Needs no GNU gettext."""

from __future__ import annotations

import gettext
import re

import polib
import pytest

from tests.languages import catalogues
from tests.languages.collecting import PARTS, SPEAKING, collected

LANGUAGES = ("es", "ht", "nl", "fr")
_PLACES = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%")


def entries(language: str) -> dict[str, polib.POEntry]:
    return {entry.msgid: entry for entry in catalogues.catalogue(language)}


def texts(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_there_are_the_languages_of_flashs_markets() -> None:
    assert set(catalogues.languages()) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_payers_and_recipients_read_is_translated(language: str) -> None:
    said, known = catalogues.messages_of(language), entries(language)
    missing = [msgid for msgid in said if msgid not in known or not all(texts(known[msgid]))]
    assert missing == [], "run `make messages` and translate"
    assert [msgid for msgid, message in said.items() if message.plural != known[msgid].msgid_plural] == []
    assert [msgid for msgid in known if msgid not in said] == [], "said no more: run `make messages`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_fuzzy_or_left_over(language: str) -> None:
    catalogue = catalogues.catalogue(language)
    assert catalogue.fuzzy_entries() == []
    assert catalogue.obsolete_entries() == []
    assert catalogue.untranslated_entries() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_filled_in_agrees(language: str) -> None:
    def places(text: str) -> list[str]:
        return sorted(set(_PLACES.findall(text)))

    for msgid, entry in entries(language).items():
        for text in texts(entry):
            assert places(text) == places(entry.msgid_plural or msgid), msgid
            assert text == text.strip(), msgid
            assert (text[-1] in ".!?") == (msgid[-1] in ".!?"), (msgid, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_program_reads_what_the_translators_wrote(language: str) -> None:
    path = catalogues.folder(language) / "django.mo"
    assert path.read_bytes() == catalogues.catalogue(language).to_binary(), "run `make messages`"
    with path.open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert compiled.gettext("Paid. Thank you!") == entries(language)["Paid. Thank you!"].msgstr


def test_what_the_collector_looks_for_is_still_said() -> None:
    said = collected()
    assert [part for part in PARTS if part not in said] == []
    for file, beginnings in SPEAKING.items():
        spoken = [msgid for msgid, message in said.items() if file in message.files]
        assert spoken, file
        for beginning in beginnings:
            assert any(msgid.startswith(beginning) for msgid in spoken), (file, beginning)
