"""In which language pages come: as their reader chose, as the shop chose, as the browser asks; merchants' and programs' stay English."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from flashpay.invoices.models import Invoice
from flashpay.invoices.services import invoice_create
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store, User
from payouts.models import PullPayment
from payouts.services import pull_payment_create

pytestmark = pytest.mark.django_db

READY = {
    "en": "Ready to be paid",
    "es": "Lista para pagar",
    "ht": "Pare pou peye",
    "nl": "Klaar om te betalen",
    "fr": "Prête à être payée",
}


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(store=connected_store, amount=1_234_50, currency=USD, actor="alice")


@pytest.fixture
def prize(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, name="Prize", actor="alice")


def page_of(client: Client, path: str, language: str = "", status: int = 200, **more: Any) -> str:
    headers = {"accept-language": language} if language else {}
    answer = client.get(path, headers=headers | more.pop("headers", {}), **more)
    assert answer.status_code == status
    return answer.content.decode()


def language_of(page: str) -> str:
    found = re.search(r'<html lang="(\w+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("language", READY)
def test_the_browser_is_asked(client: Client, invoice: Invoice, language: str) -> None:
    answer = client.get(f"/i/{invoice.pk}", headers={"accept-language": f"de, {language};q=0.9, en;q=0.1"})
    page = answer.content.decode()
    assert READY[language] in page
    assert language_of(page) == language
    assert answer["Content-Language"] == language
    assert answer["Cache-Control"] == "no-store"
    assert {"Accept-Language", "Cookie"} <= {each.strip() for each in answer["Vary"].split(",")}
    assert not answer.cookies


def test_a_language_that_there_is_not_gives_english(client: Client, invoice: Invoice) -> None:
    assert language_of(page_of(client, f"/i/{invoice.pk}", "de-DE, ja")) == "en"


def test_a_choice_is_remembered_and_stronger_than_the_browser(client: Client, invoice: Invoice) -> None:
    answer = client.get(f"/i/{invoice.pk}?lang=ht", headers={"accept-language": "nl"})
    assert language_of(answer.content.decode()) == "ht"
    assert answer.cookies["lang"].value == "ht"
    assert answer.cookies["lang"]["samesite"] == "Lax"
    assert language_of(page_of(client, f"/i/{invoice.pk}", "nl")) == "ht"
    assert language_of(page_of(client, f"/i/{invoice.pk}?lang=fr", "nl")) == "fr"


@pytest.mark.parametrize("nonsense", ["xx", "https://evil.example", "../../etc", "", "<script>", "f" * 900])
def test_a_senseless_choice_is_left_alone(client: Client, invoice: Invoice, nonsense: str) -> None:
    answer = client.get(f"/i/{invoice.pk}", {"lang": nonsense}, headers={"accept-language": "nl"})
    assert language_of(answer.content.decode()) == "nl"
    assert not answer.cookies


def test_the_choice_is_a_row_of_links_to_the_page_itself(client: Client, invoice: Invoice) -> None:
    page = page_of(client, f"/i/{invoice.pk}?tab=lnurl", "es")
    links = re.findall(r'<a href="([^"]+)" lang="(\w+)" hreflang', page)
    assert links == [(f"?tab=lnurl&amp;lang={code}", code) for code in ("en", "ht", "nl", "fr")]
    assert '<span lang="es" aria-current="true">Español</span>' in page


def test_a_living_part_comes_in_the_language_and_remembers_nothing(client: Client, prize: PullPayment) -> None:
    page = page_of(client, f"/p/{prize.pk}", "fr")
    assert f'data-live-fragment="/p/{prize.pk}?lang=fr"' in page
    answer = client.get(f"/p/{prize.pk}?lang=fr", headers={"x-fragment": "1", "accept": "*/*"})
    assert "Reste à retirer" in answer.content.decode() or "Ouvrir dans le portefeuille" in answer.content.decode()
    assert not answer.cookies


def test_the_shop_may_choose_for_an_invoice_and_the_reader_has_the_last_word(
    client: Client, connected_store: Store
) -> None:
    invoice = invoice_create(store=connected_store, amount=1_000, currency=SAT, actor="alice", language="fr-CA")
    assert invoice.language == "fr"
    assert language_of(page_of(client, f"/i/{invoice.pk}", "nl")) == "fr"
    assert language_of(page_of(client, f"/i/{invoice.pk}?lang=es", "nl")) == "es"
    # What the reader chose once holds from then on.
    assert language_of(page_of(client, f"/i/{invoice.pk}", "nl")) == "es"


def test_an_unknown_language_of_the_shop_leaves_it_to_the_browser(client: Client, connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=1_000, currency=SAT, actor="alice", language="tlh")
    assert invoice.language == ""
    assert language_of(page_of(client, f"/i/{invoice.pk}", "nl")) == "nl"


def test_amounts_follow_the_language_for_the_eye_alone(client: Client, invoice: Invoice) -> None:
    page = page_of(client, f"/i/{invoice.pk}", "nl")
    assert "$1.234,50" in page
    for name, value in re.findall(r'\b(data-[\w-]+|value|max|href|datetime|viewBox)="([^"]*)"', page):
        assert not re.search(r"\d,\d", value), (name, value)


def test_a_refusal_comes_in_the_language_and_the_record_stays_english(client: Client, prize: PullPayment) -> None:
    answer = client.post(
        f"/p/{prize.pk}",
        {"destination": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"},
        headers={"accept-language": "es"},
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Los pagos desde aquí van por Lightning. No se envió nada." in page
    page = client.post(f"/p/{prize.pk}", {"destination": ""}, headers={"accept-language": "ht"}).content.decode()
    assert "Tanpri kole yon fakti oswa yon adrès ki soti nan pòtfèy ou." in page
    assert prize.payouts.count() == 0


def test_a_wallet_is_answered_in_english(client: Client, prize: PullPayment) -> None:
    # Wallets show the reason as it is, and mix it with words of their own.
    answer = client.get(
        f"/lnurl/withdraw/callback/{prize.pk}", {"k1": "00", "pr": "x"}, headers={"accept-language": "fr"}
    )
    told = client.get(f"/p/{prize.pk}", headers={"accept-language": "fr", "accept": "application/json"})
    assert json.loads(told.content)["tag"] == "withdrawRequest"
    assert "Content-Language" not in answer
    for each in (answer, told):
        assert not re.search(r"[àéèêç]", each.content.decode())


@pytest.mark.parametrize(
    ("language", "heading"),
    [("es", "No hay nada en esta dirección"), ("ht", "Pa gen anyen nan adrès sa a"), ("en", "There is nothing at")],
)
def test_errors_on_public_paths_come_in_the_language(client: Client, language: str, heading: str) -> None:
    for path in ("/i/AAAAAAAAAAAAAAAAAAAAAA", "/p/nothing", "/r/x/y"):
        page = page_of(client, path, language, status=404)
        assert heading in page
        assert language_of(page) == language


def test_a_fault_of_ours_is_told_in_the_language(client: Client, invoice: Invoice, monkeypatch: Any) -> None:
    def break_down(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("a fault for the test")

    monkeypatch.setattr("flashpay.invoices.views.invoice_state_now", break_down)
    client.raise_request_exception = False
    page = page_of(client, f"/i/{invoice.pk}", "nl", status=500)
    assert "Er ging bij ons iets mis" in page
    assert language_of(page) == "nl"


def test_too_many_requests_are_refused_in_the_language(client: Client, settings: Any) -> None:
    settings.THROTTLES = True
    # A few more than are allowed: the minute that they are counted in may end among them.
    for _ in range(70):
        answer = client.post("/v", {"code": "K7QM-2XFP-9TRA"}, headers={"accept-language": "fr"})
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    page = answer.content.decode()
    assert "Cela faisait beaucoup de demandes en peu de temps. Rien n’a été modifié" in page
    assert language_of(page) == "fr"


def test_merchants_and_administrators_stay_with_english(client: Client, alice: User, store: Store) -> None:
    client.force_login(alice)
    client.cookies["lang"] = "fr"
    for path in (f"/stores/{store.pk}", f"/stores/{store.pk}/invoices/new", "/accounts/password/change/"):
        page = page_of(client, path, "fr")
        assert language_of(page) == "en"
        assert not re.search(r"\b(Facture|Portefeuille|Ce champ|Mot de passe)\b", page)
    answer = client.post(f"/stores/{store.pk}/invoices/new", {}, headers={"accept-language": "fr"})
    assert "obligatoire" not in answer.content.decode()
    assert "Content-Language" not in answer


def test_the_log_in_page_shows_no_choice_of_languages(client: Client, alice: User) -> None:
    page = page_of(client, "/accounts/login/", "es")
    assert language_of(page) == "en"
    assert "hreflang" not in page
