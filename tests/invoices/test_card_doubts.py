"""A card is never asked to pay twice: doubts, dead and busy workers; and its secrets stay secret."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils import timezone

from flashpay.invoices.models import CardCollection, CardState, Invoice, LightningInvoice
from flashpay.invoices.services import (
    card_collect,
    card_collections_sweep,
    card_present,
    lightning_invoice_issue,
)
from flashpay.invoices.services.collecting import TAKEN_LIFE, TAP_LIFE
from flashpay.stores.models import Event, Store
from tests.invoices.cards import hold, make, news, refused, soon, words
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return make(connected_store)


# --- Never twice ----------------------------------------------------------------------------------------------------


def test_a_second_tap_while_the_first_is_asked_changes_nothing(invoice: Invoice, cards: SandboxServer) -> None:
    first = card_present(invoice=invoice, text=cards.card_link())
    assert card_present(invoice=invoice, text="lnurlw://other.example/card") == first
    assert CardCollection.objects.count() == 1


def test_one_worker_asks_a_card_however_often_it_is_announced(invoice: Invoice, cards: SandboxServer) -> None:
    row = hold(invoice, cards.card_link())
    assert card_collect(collection_id=row.pk)
    assert Event.objects.filter(entity="cardcollection", type="CardAsked").count() == 1


@pytest.mark.parametrize("how", ["never_pays", "cut_before"])
def test_after_a_doubt_a_further_tap_is_for_the_very_same_code(
    invoice: Invoice, cards: SandboxServer, how: str
) -> None:
    cards.switch(card_pay={"value": how, "next": 1})
    first = hold(invoice, cards.card_link())
    # Even one that lives too shortly for a fresh tap: another could be paid beside it.
    LightningInvoice.objects.update(expires_at=soon(20))
    again = hold(invoice, cards.card_link())
    assert again.state == CardState.ACCEPTED
    assert again.lightning_invoice == first.lightning_invoice
    assert LightningInvoice.objects.count() == 1


def test_there_is_no_other_code_for_a_card_until_flash_says_that_the_first_is_over(
    invoice: Invoice, cards: SandboxServer
) -> None:
    cards.switch(card_pay={"value": "cut_before", "next": 1}, invoice_life_s=16)
    hold_too_short = card_present(invoice=invoice, text=cards.card_link())
    card_collect(collection_id=hold_too_short.pk)
    code = LightningInvoice.objects.get()
    LightningInvoice.objects.update(expires_at=soon(-1))
    refused("card-in-doubt", invoice, cards.card_link())
    # However much later: time alone ends no doubt.
    refused("card-in-doubt", invoice, cards.card_link(), now=soon(600))
    assert "not certain yet" in words(invoice, seconds=60)
    assert not news(invoice, seconds=60).waits  # but another way to pay is shown
    LightningInvoice.objects.filter(pk=code.pk).update(state="expired")
    assert "did not pay" in words(invoice)
    cards.switch(invoice_life_s=60)
    again = hold(invoice, cards.card_link())
    assert again.state == CardState.ACCEPTED
    assert again.lightning_invoice != code


def test_a_card_in_doubt_for_another_amount_holds_back_the_next(connected_store: Store, cards: SandboxServer) -> None:
    invoice = make(connected_store, None)
    cards.switch(card_pay={"value": "never_pays", "next": 1})
    hold(invoice, cards.card_link(), amount_msat=5_000_000)
    refused("card-in-doubt", invoice, cards.card_link(), amount_msat=7_000_000)


def test_a_declined_card_does_not_hide_that_an_earlier_one_may_still_pay(
    invoice: Invoice, cards: SandboxServer
) -> None:
    cards.switch(card_pay={"value": "cut_before", "next": 1})
    hold(invoice, cards.card_link())
    cards.switch(card_pay={"value": "declines", "next": 1})
    hold(invoice, cards.card_link())
    assert "The card before may still pay" in words(invoice)
    assert news(invoice).waits


# --- Workers that die, and workers that are busy --------------------------------------------------------------------


def test_a_tap_that_no_worker_took_is_announced_again_and_then_ended(invoice: Invoice, cards: SandboxServer) -> None:
    row = card_present(invoice=invoice, text=cards.card_link())
    card_collections_sweep(now=soon(6))
    row.refresh_from_db()
    assert row.state == CardState.READING
    card_collections_sweep(now=soon(TAP_LIFE.total_seconds() + 1))
    row.refresh_from_db()
    assert (row.state, row.problem, str(row.link)) == (CardState.DECLINED, "too-late", "")
    assert card_collect(collection_id=row.pk)
    assert cards.api("GET", "/api/card")["balance_sat"] == 200_000


def test_where_everything_stands_still_the_page_offers_its_code_again(invoice: Invoice, cards: SandboxServer) -> None:
    card_present(invoice=invoice, text=cards.card_link())
    assert news(invoice).waits
    assert not news(invoice, seconds=150).waits


def test_a_tap_taken_up_too_late_is_not_asked(invoice: Invoice, cards: SandboxServer) -> None:
    """The customer has left, or has begun to pay in another way."""
    row = card_present(invoice=invoice, text=cards.card_link())
    later = soon(TAP_LIFE.total_seconds() + 1)
    card_collect(collection_id=row.pk, clock=lambda: later)
    row.refresh_from_db()
    assert (row.state, row.problem) == (CardState.DECLINED, "too-late")
    assert cards.api("GET", "/api/card")["balance_sat"] == 200_000


def test_what_a_dead_worker_had_asked_is_a_doubt(invoice: Invoice, cards: SandboxServer) -> None:
    code = lightning_invoice_issue(invoice=invoice)
    row = card_present(invoice=invoice, text=cards.card_link())
    CardCollection.objects.update(state=CardState.ASKED, lightning_invoice=code, taken_at=timezone.now())
    card_collections_sweep(now=soon(5))
    assert CardCollection.objects.get().state == CardState.ASKED
    card_collections_sweep(now=soon(TAKEN_LIFE.total_seconds() + 1))
    row.refresh_from_db()
    assert (row.state, row.problem) == (CardState.UNKNOWN, "interrupted")


def test_slow_cards_never_occupy_all_the_workers(
    invoice: Invoice, cards: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CARDS_AT_ONCE", 0)
    row = card_present(invoice=invoice, text=cards.card_link())
    assert not card_collect(collection_id=row.pk)
    row.refresh_from_db()
    assert (row.state, row.taken_at) == (CardState.READING, None)
    monkeypatch.setattr(settings, "CARDS_AT_ONCE", 1)
    assert card_collect(collection_id=row.pk)
    row.refresh_from_db()
    assert row.state == CardState.ACCEPTED


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_neither_logs_nor_events_nor_the_finished_row_hold_the_cards_secrets(
    invoice: Invoice, cards: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    link = cards.card_link()
    secret = link.rpartition("c=")[2]
    caplog.set_level("DEBUG", logger="flashpay")
    row = card_present(invoice=invoice, text=link)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT link FROM invoices_cardcollection")
        stored = cursor.fetchone()[0]
    assert stored
    assert secret not in stored  # encrypted while it waits
    card_collect(collection_id=row.pk)
    row.refresh_from_db()
    assert str(row.link) == ""
    assert secret not in str(list(Event.objects.values_list("evidence", flat=True)))
    assert secret not in caplog.text
