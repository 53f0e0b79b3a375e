"""More ways to pay on the checkout page: the LNURL that never changes, an amount the payer chooses, and waiting in a crowd."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from flashpay import flash, live
from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.offers import offer_of, pay_lnurl
from flashpay.invoices.selectors import checkout_link
from flashpay.invoices.services import invoice_create, lightning_invoice_issue, payment_offer_take, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store
from flashpay.stores.wallets import budgets, credential_of, endpoint_of, wallet_of
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def payer() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def top_up(connected_store: Store) -> Invoice:
    return invoice_create(store=connected_store, amount=None, currency=USD, description="Tip jar", actor="alice")


def shown(payer: Client, invoice: Invoice, query: str = "", **headers: Any) -> str:
    answer = payer.get(checkout_link(invoice).removeprefix(settings.PUBLIC_URL) + query, **headers)
    assert answer.status_code == 200
    return answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def lnurl_of(invoice: Invoice) -> str:
    lnurl = pay_lnurl(invoice)
    assert lnurl is not None
    return lnurl.bech32


def made(store: Store, count: int) -> list[Invoice]:
    return [invoice_create(store=store, amount=1_000, currency=SAT, actor="alice") for _ in range(count)]


def grow_old(code: LightningInvoice) -> None:
    LightningInvoice.objects.filter(pk=code.pk).update(expires_at=timezone.now() + timedelta(seconds=2))


def test_the_lnurl_tab_shows_the_same_code_always_and_issues_nothing(payer: Client, connected_store: Store) -> None:
    (invoice,) = made(connected_store, 1)
    assert 'href="?tab=lnurl"' in shown(payer, invoice)
    first, again = (shown(payer, invoice, "?tab=lnurl", HTTP_X_FRAGMENT="1") for _ in range(2))
    assert first == again
    assert f'data-copy="{lnurl_of(invoice)}"' in first
    assert LightningInvoice.objects.count() == 1  # of the first look, which was at the ordinary code


def test_a_top_up_offers_its_lnurl_and_asks_for_an_amount(payer: Client, top_up: Invoice) -> None:
    page = shown(payer, top_up)
    assert lnurl_of(top_up) in page
    assert 'name="amount"' in page
    assert '<option value="USD" selected>' in page
    assert not LightningInvoice.objects.exists()


@pytest.mark.parametrize(("query", "sat"), [("?amount=2500&unit=SAT", 2_500), ("?amount=6.35&unit=USD", 10_000)])
def test_a_top_up_shows_a_code_for_the_amount_chosen_and_settles_on_it(
    payer: Client, top_up: Invoice, sandbox: SandboxServer, query: str, sat: int
) -> None:
    page = shown(payer, top_up, query)
    code = LightningInvoice.objects.get()
    assert code.bolt11 in page
    assert code.amount_msat == sat * 1000
    # The open page asks for the same amount again.
    assert f'data-live-fragment="{checkout_link(top_up).removeprefix(settings.PUBLIC_URL)}?amount=' in page
    assert code.bolt11 in shown(payer, top_up, query, HTTP_X_FRAGMENT="1")
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    top_up.refresh_from_db()
    assert (top_up.state, top_up.additional_state, top_up.received_msat) == ("Settled", "None", sat * 1000)
    assert "Paid. Thank you!" in shown(payer, top_up, query)


@pytest.mark.parametrize("amount", ["0", "-5", "abc", "1.5", "99999999", "21000000000000000"])
def test_amounts_that_cannot_be_paid_are_named_and_cost_nothing(payer: Client, top_up: Invoice, amount: str) -> None:
    page = shown(payer, top_up, f"?amount={amount}&unit=SAT")
    assert "is-invalid" in page
    assert not LightningInvoice.objects.exists()


def test_fifty_open_pages_leave_codes_for_new_payers_and_offer_the_lnurl_meanwhile(
    payer: Client, connected_store: Store
) -> None:
    invoices = made(connected_store, 50)
    waiting, with_code = [], []
    for invoice in invoices[:12]:
        with_code.append(lightning_invoice_issue(invoice=invoice))
    for code in with_code:
        grow_old(code)
    # Their minute is over, and all of them look again: none takes one of the eight that are kept.
    for invoice in invoices[:12]:
        page = shown(payer, invoice, HTTP_X_FRAGMENT="1")
        assert lnurl_of(invoice) in page
        assert "Many people are paying" in page
        waiting.append(page)
    assert LightningInvoice.objects.count() == 12
    # New payers get theirs at once, until only those are left that wallets take up by the LNURL.
    for invoice in invoices[12:16]:
        assert "lightning:lnbcrt" in shown(payer, invoice)
    assert LightningInvoice.objects.count() == 16
    for invoice in invoices[16:]:
        page = shown(payer, invoice)
        assert lnurl_of(invoice) in page
        assert "which works at once" in page
        assert "data-countdown=" in page
    assert LightningInvoice.objects.count() == 16
    # And it does: a wallet that scans it gets its code.
    code = payment_offer_take(
        target=invoices[49], offer=offer_of(invoices[49], timezone.now()), amount_msat=1_000_000, comment=""
    )
    assert code.bolt11.startswith("lnbcrt")
    # Every one of them is still watched.
    assert not LightningInvoice.objects.filter(next_poll_at=None).exists()


def test_while_flash_lets_nobody_have_a_code_the_page_promises_none_and_shows_the_wait(
    payer: Client, connected_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (invoice,) = made(connected_store, 1)
    connection = wallet_of(connected_store)
    endpoint, credential = endpoint_of(connection), credential_of(connection)
    refused = flash.Judgement(flash.Verdict.WAIT, "Wait.", retry_after_s=240, row="invoice_limit")
    budgets().blocked(endpoint, credential, refused, connection.wallet_id)
    page = shown(payer, invoice)
    assert "Your payment code comes by itself. Nothing was paid." in page
    assert "works at once" not in page
    assert "lnurl1" not in page.lower()
    assert "Next code in" in page
    assert not LightningInvoice.objects.exists()


def test_where_wallets_cannot_take_up_the_lnurl_the_page_does_not_speak_of_it(
    payer: Client, connected_store: Store, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (invoice,) = made(connected_store, 1)
    monkeypatch.setattr("flashpay.invoices.services.codes.KEPT_FOR_WALLETS", 20)
    path = checkout_link(invoice).removeprefix(settings.PUBLIC_URL)
    settings.PUBLIC_URL = "http://shop.example"
    page = payer.get(path).content.decode()
    assert "Your payment code comes by itself." in page
    assert "Scan this code" not in page


def test_a_page_gets_its_code_again_when_the_rush_is_over(payer: Client, connected_store: Store) -> None:
    first = made(connected_store, 13)
    for invoice in first:
        grow_old(lightning_invoice_issue(invoice=invoice))
    assert "Many people" in shown(payer, first[0])
    live.connection().delete(*live.connection().keys("flash:budget:invoices:*"))
    assert "lightning:lnbcrt" in shown(payer, first[0])
