"""Sentences that services said in English, shown in the language of the page."""

from __future__ import annotations

import pytest
from django.utils import translation

from flashpay.languages import amount_in_language, is_public, language_known, translated
from flashpay.money.amounts import msat_format


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "The smallest claim here is 10,000 sat."),
        ("es", "El cobro más pequeño aquí es 10 000 sat."),
        ("fr", "Le plus petit retrait ici est 10 000 sat."),
        ("ht", "Pi piti reklamasyon isit la se 10,000 sat."),
        ("nl", "Het kleinste bedrag dat je hier kunt innen is 10.000 sat."),
    ],
)
def test_a_refusal_is_put_into_the_language_with_its_amounts(language: str, shown: str) -> None:
    with translation.override(language):
        assert translated(f"The smallest claim here is {msat_format(10_000_000)}.").replace("\xa0", " ") == shown


def test_several_sentences_in_a_row_are_each_put_into_the_language() -> None:
    with translation.override("nl"):
        assert translated("This invoice has expired. Nothing was sent. Please make a new one in your wallet.") == (
            "Deze factuur is verlopen. Er is niets verstuurd. Maak een nieuwe in je wallet."
        )


def test_a_sentence_inside_a_sentence_is_put_into_the_language_too() -> None:
    with translation.override("es"):
        said = translated("The network fee could not be found out, so nothing was sent. Flash did not answer in time.")
        assert said.endswith("no se envió nada. Flash no respondió a tiempo.")
        assert (
            translated("An amount in USD has at most 2 decimals.") == "Un monto en USD lleva como máximo 2 decimales."
        )


def test_a_wait_is_told_in_the_language() -> None:
    said = "That was many requests in a short time. Nothing was changed; please wait 40 seconds and try again."
    with translation.override("fr"):
        assert translated(said) == (
            "Cela faisait beaucoup de demandes en peu de temps. "
            "Rien n’a été modifié ; veuillez attendre 40 secondes et réessayer."
        )


def test_what_is_not_in_the_catalogue_stays_english() -> None:
    with translation.override("nl"):
        assert translated("A wholly new sentence.") == "A wholly new sentence."
        assert translated("A wholly new sentence. Nothing was sent.") == "A wholly new sentence. Nothing was sent."
        assert translated("") == ""


def test_words_of_people_are_not_put_into_another_language() -> None:
    with translation.override("es"):
        assert translated("This code does not receive money: Receipt.") == "Este código no recibe dinero: Receipt."


def test_an_amount_is_written_as_the_language_writes_it() -> None:
    with translation.override("nl"):
        assert amount_in_language("$1,234.50") == "$1.234,50"
    with translation.override("en"):
        assert amount_in_language("$1,234.50") == "$1,234.50"


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("fr-CA", "fr"),
        ("nl-BE", "nl"),
        ("ht", "ht"),
        ("en-US", "en"),
        ("de", ""),
        ("", ""),
        ("x" * 600, ""),
        ("../en", ""),
    ],
)
def test_the_nearest_language_serves(code: str, known: str) -> None:
    assert language_known(code) == known


@pytest.mark.parametrize(
    "path", ["/i/abc", "/r/abc", "/l/abc", "/p/abc/def", "/v", "/i/abc/embed", "/till", "/till/abc"]
)
def test_payers_and_recipients_pages_are_public(path: str) -> None:
    assert is_public(path)


@pytest.mark.parametrize(
    "path",
    ["/", "/stores/abc", "/accounts/login/", "/admin/", "/api/v1/stores", "/lnurl/p/abc", "/invoices", "/voucher"],
)
def test_everything_else_is_english(path: str) -> None:
    assert not is_public(path)
