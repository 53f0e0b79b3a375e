"""The card's small endpoint and what the checkout says of a card, for people with and without scripts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from flashpay import throttles
from flashpay.invoices.models import CardCollection, CardState, Invoice, LightningInvoice
from flashpay.invoices.selectors import checkout_link
from flashpay.invoices.services import card_collect, invoice_create, lightning_invoices_poll
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Event, Store
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

FRAGMENT = {"HTTP_X_FRAGMENT": "1"}


@pytest.fixture
def payer() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(store=connected_store, amount=21_000, currency=SAT, actor="alice")


def path(invoice: Invoice) -> str:
    return checkout_link(invoice).removeprefix(settings.PUBLIC_URL)


def text(answer: Any) -> str:
    body: str = answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    return body


def ask() -> None:
    """A worker asks the card that waits."""
    card_collect(collection_id=CardCollection.objects.get(state=CardState.READING).pk)


def test_the_checkout_offers_to_pay_with_a_card(payer: Client, invoice: Invoice) -> None:
    page = text(payer.get(path(invoice)))
    assert f'action="{path(invoice)}/card"' in page
    assert "Pay with a card" in page


def test_a_form_without_scripts_leads_back_to_the_checkout_which_says_how_it_goes(
    payer: Client, invoice: Invoice, cards: SandboxServer
) -> None:
    answer = payer.post(f"{path(invoice)}/card", {"lnurlw": cards.card_link()})
    assert (answer.status_code, answer["Location"]) == (302, path(invoice))
    assert not answer.cookies
    page = text(payer.get(path(invoice)))
    assert "Asking the card’s service" in page
    assert 'http-equiv="refresh"' in page
    # While a card may be paying there is no other code, and looking makes none.
    assert "lightning:lnbcrt" not in page
    assert not LightningInvoice.objects.exists()
    ask()
    assert "Card accepted, waiting for the money" in text(payer.get(path(invoice)))
    lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6))
    assert "Paid. Thank you!" in text(payer.get(path(invoice)))


def test_a_script_gets_the_form_again_emptied_or_with_what_was_wrong(
    payer: Client, invoice: Invoice, cards: SandboxServer
) -> None:
    wrong = payer.post(f"{path(invoice)}/card", {"lnurlw": "<b>hello"}, **FRAGMENT)
    assert wrong.status_code == 422
    assert "This is not the link of a card." in text(wrong)
    assert "&lt;b&gt;hello" in text(wrong)
    right = payer.post(f"{path(invoice)}/card", {"lnurlw": cards.card_link()}, **FRAGMENT)
    assert right.status_code == 200
    assert text(right).lstrip().startswith("<form")
    assert 'value=""' in text(right)


def test_without_scripts_a_refusal_stands_on_the_checkout(payer: Client, invoice: Invoice) -> None:
    answer = payer.post(f"{path(invoice)}/card", {"lnurlw": "ana@card.example"})
    assert answer.status_code == 422
    assert "This code takes money" in text(answer)
    assert 'http-equiv="refresh"' not in text(answer)
    assert not CardCollection.objects.exists()
    assert not LightningInvoice.objects.exists()


def test_a_glance_at_the_endpoint_does_nothing(payer: Client, invoice: Invoice) -> None:
    assert payer.get(f"{path(invoice)}/card")["Location"] == path(invoice)
    assert payer.head(f"{path(invoice)}/card").status_code == 302
    assert payer.put(f"{path(invoice)}/card").status_code == 405
    assert payer.post("/i/1111111111111111111111/card", {"lnurlw": "x"}).status_code == 404
    assert not CardCollection.objects.exists()


def test_the_words_of_a_cards_service_are_shown_as_text(payer: Client, invoice: Invoice, cards: SandboxServer) -> None:
    payer.post(f"{path(invoice)}/card", {"lnurlw": cards.card_link()})
    CardCollection.objects.update(
        state=CardState.DECLINED, problem="service_refused", reason="<script>alert(1)</script>"
    )
    page = text(payer.get(path(invoice)))
    assert "The card was declined" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "lightning:lnbcrt" in page  # and the ordinary code is there again


def test_another_way_to_pay_is_always_a_step_away(payer: Client, invoice: Invoice, cards: SandboxServer) -> None:
    payer.post(f"{path(invoice)}/card", {"lnurlw": cards.card_link()})
    assert 'href="?tab=lnurl"' in text(payer.get(path(invoice)))
    page = text(payer.get(f"{path(invoice)}?tab=lnurl"))
    assert "QR code of the LNURL" in page
    assert "Asking the card’s service" in page


def test_a_top_up_keeps_the_chosen_amount(payer: Client, connected_store: Store, cards: SandboxServer) -> None:
    tips = invoice_create(store=connected_store, amount=None, currency=USD, actor="alice")
    page = text(payer.get(f"{path(tips)}?amount=2500&unit=SAT"))
    assert '<input type="hidden" name="amount" value="2500">' in page
    refused = payer.post(f"{path(tips)}/card", {"lnurlw": cards.card_link()})
    assert "choose first how much" in text(refused)
    taken = payer.post(f"{path(tips)}/card", {"lnurlw": cards.card_link(), "amount": "2500", "unit": "SAT"})
    assert taken["Location"] == f"{path(tips)}?amount=2500&unit=SAT"
    assert CardCollection.objects.get().amount_msat == 2_500_000


def test_many_taps_are_slowed_down_and_ask_nobody(
    payer: Client, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles._Rest, "until", 0.0)  # another test may have taken Redis away just before
    answers = [payer.post(f"{path(invoice)}/card", {"lnurlw": "hello"}, **FRAGMENT) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert "please wait" in text(answers[-1])


def test_the_plea_for_patience_is_in_the_payers_language(
    payer: Client, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles._Rest, "until", 0.0)
    tap = {"path": f"{path(invoice)}/card", "data": {"lnurlw": "hello"}, "headers": {"accept-language": "fr"}}
    answers = [payer.post(**tap, **FRAGMENT) for _ in range(11)]
    assert "Ceci n’est pas le lien d’une carte" in text(answers[0])
    assert "veuillez attendre" in text(answers[-1])
    assert "please wait" not in text(answers[-1])


def test_the_record_of_events_tells_what_was_asked_and_answered(
    payer: Client, invoice: Invoice, cards: SandboxServer
) -> None:
    payer.post(f"{path(invoice)}/card", {"lnurlw": cards.card_link()})
    ask()
    events = Event.objects.filter(entity="cardcollection").values_list("type", "before", "after")
    assert list(events) == [
        ("CardPresented", "", "reading"),
        ("CardAsked", "reading", "asked"),
        ("CardAnswered", "asked", "accepted"),
    ]
    asked = Event.objects.get(type="CardAsked").evidence
    code = LightningInvoice.objects.get()
    assert asked == {"host": "127.0.0.1", "payment_hash": code.payment_hash, "amount_msat": 21_000_000}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_cards_at_once_and_one_is_asked(invoice: Invoice, cards: SandboxServer) -> None:
    def tap(number: int) -> int:
        try:
            return Client().post(f"{path(invoice)}/card", {"lnurlw": f"lnurlw://card{number}.example/x"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(tap, range(6)))
    assert answers == [302] * 6
    assert CardCollection.objects.count() == 1
