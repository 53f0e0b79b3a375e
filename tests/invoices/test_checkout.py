"""The checkout page: what a payer sees in each state of an invoice, and what a glance at it does not do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from flashpay import live
from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.selectors import checkout_link
from flashpay.invoices.services import invoice_create, invoice_mark, lightning_invoice_issue, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import PaymentHash, Store
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

FRAGMENT = {"HTTP_X_FRAGMENT": "1"}


@pytest.fixture
def payer() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(
        store=connected_store, amount=21_000, currency=SAT, description="Coffee & cake", actor="alice"
    )


@pytest.fixture
def troubled(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox, well again afterwards whatever the test switches."""
    yield sandbox
    sandbox.switch(invoice_error=False, ibex_outage=False, price_outage=False)


def path(invoice: Invoice) -> str:
    return checkout_link(invoice).removeprefix(settings.PUBLIC_URL)


def page(response: Any) -> str:
    """The page's text, with what is true of every answer checked."""
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "same-origin"
    assert "noindex" in response["X-Robots-Tag"]
    assert not response.cookies
    text: str = response.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    return text


def pay(invoice: Invoice, *, now: Any = None) -> None:
    code = lightning_invoice_issue(invoice=invoice)
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH, now=now)
    invoice.refresh_from_db()


def pay_half(invoice: Invoice) -> None:
    """A payment that covers half of the invoice."""
    code = lightning_invoice_issue(invoice=invoice)
    LightningInvoice.objects.filter(pk=code.pk).update(credit_msat=10_500_000)
    code.refresh_from_db()
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    invoice.refresh_from_db()


# --- A code to pay --------------------------------------------------------------------------------------------------


def test_it_issues_a_code_and_shows_it_as_qr_link_and_text(payer: Client, invoice: Invoice) -> None:
    shown = page(payer.get(path(invoice)))
    code = LightningInvoice.objects.get()
    assert code.invoice == invoice
    assert "<svg" in shown
    assert f'href="lightning:{code.bolt11}"' in shown
    assert f'data-copy="{code.bolt11}"' in shown
    assert "21,000 sat" in shown
    assert "Coffee &amp; cake" in shown


def test_it_shows_a_fiat_amount_with_its_sats(payer: Client, connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=12_34, currency=USD, actor="alice")
    shown = page(payer.get(path(invoice)))
    code = LightningInvoice.objects.get()
    assert code.amount_msat is not None
    assert "$12.34" in shown
    # What the payer's wallet will show, which is Flash's conversion and not ours.
    assert f"{code.amount_msat // 1000:,} sat" in shown


def test_it_shows_the_living_code_again_instead_of_a_new_one(payer: Client, invoice: Invoice) -> None:
    first = page(payer.get(path(invoice)))
    again = page(payer.get(path(invoice), **FRAGMENT))
    code = LightningInvoice.objects.get()
    assert code.bolt11 in first
    assert code.bolt11 in again


def test_it_renews_a_code_that_is_about_to_end(payer: Client, invoice: Invoice) -> None:
    old = lightning_invoice_issue(invoice=invoice)
    LightningInvoice.objects.filter(pk=old.pk).update(expires_at=timezone.now() + timedelta(seconds=9))
    shown = page(payer.get(path(invoice), **FRAGMENT))
    assert old.bolt11 not in shown
    assert LightningInvoice.objects.exclude(pk=old.pk).get().bolt11 in shown


def test_the_fragment_is_the_live_part_alone_and_says_when_nothing_is_new(payer: Client, invoice: Invoice) -> None:
    whole = page(payer.get(path(invoice)))
    part, again = page(payer.get(path(invoice), **FRAGMENT)), page(payer.get(path(invoice), **FRAGMENT))
    assert "<html" in whole
    assert "<html" not in part
    assert version_of(part) == version_of(again) == version_of(whole)


def version_of(shown: str) -> str:
    return shown.split('data-version="')[1].split('"')[0]


def test_it_counts_down_to_its_next_code_and_to_the_end_of_the_invoice(payer: Client, invoice: Invoice) -> None:
    shown = page(payer.get(path(invoice)))
    to_next, to_end = (int(part.split('"')[0]) for part in shown.split('data-countdown="')[1:])
    # A code lives 60 s; the next one is asked for while 8 of them are left.
    assert 45 <= to_next <= 52
    assert 880 <= to_end <= 900


def test_without_javascript_it_comes_again_by_itself(payer: Client, invoice: Invoice) -> None:
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page(payer.get(path(invoice)))


def test_it_listens_to_its_own_channel(payer: Client, invoice: Invoice) -> None:
    shown = page(payer.get(path(invoice)))
    assert f'data-live="/events/invoice:{invoice.pk}"' in shown
    assert f'data-live-fragment="{path(invoice)}"' in shown


# --- What only glances ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User-Agent": "facebookexternalhit/1.1 Facebot Twitterbot/1.0"},
        {"User-Agent": "WhatsApp/2.23.20.0"},
        {"User-Agent": "TelegramBot (like TwitterBot)"},
        {"User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"},
    ],
)
def test_a_preview_shows_the_amount_and_issues_nothing(
    payer: Client, invoice: Invoice, headers: dict[str, str]
) -> None:
    assert "21,000 sat" in page(payer.get(path(invoice), headers=headers))
    assert not LightningInvoice.objects.exists()
    assert not PaymentHash.objects.exists()


def test_head_issues_nothing(payer: Client, invoice: Invoice) -> None:
    assert payer.head(path(invoice)).status_code == 200
    assert not LightningInvoice.objects.exists()


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_can_only_be_looked_at(invoice: Invoice, method: str) -> None:
    assert getattr(Client(), method)(path(invoice)).status_code == 405
    assert not LightningInvoice.objects.exists()


@pytest.mark.parametrize("name", ["1" * 22, "1" * 21, "unknown", "%00", "0" * 22])
@pytest.mark.parametrize("tail", ["", "/receipt"])
@pytest.mark.django_db
def test_an_unknown_invoice_is_not_found(payer: Client, name: str, tail: str) -> None:
    assert payer.get(f"/i/{name}{tail}").status_code == 404


# --- No code at the moment ------------------------------------------------------------------------------------------


def test_without_a_wallet_it_tells_the_payer_and_not_the_merchant(payer: Client, store: Store) -> None:
    invoice = invoice_create(store=store, amount=21_000, currency=SAT, actor="alice")
    shown = page(payer.get(path(invoice)))
    assert "Please tell the shop. Nothing was paid." in shown
    assert "Connect" not in shown
    assert "lightning:" not in shown


def test_while_flash_gives_no_code_it_waits_and_looks_again(
    payer: Client, invoice: Invoice, troubled: SandboxServer
) -> None:
    troubled.switch(invoice_error=True)
    first = page(payer.get(path(invoice), **FRAGMENT))
    assert "tries again by itself. Nothing was paid." in first
    assert 'data-countdown="' in first
    # Each answer is news, so that the page's wait begins again.
    assert version_of(page(payer.get(path(invoice), **FRAGMENT))) != version_of(first)
    assert not LightningInvoice.objects.exists()
    troubled.switch(invoice_error=False)
    assert "lightning:" in page(payer.get(path(invoice), **FRAGMENT))


def test_while_another_request_makes_the_code_it_looks_again_in_a_second(payer: Client, invoice: Invoice) -> None:
    held = live.connection().lock(f"flashpay:issue:{invoice.pk}:checkout", timeout=15)
    assert held.acquire(blocking=False)
    shown = page(payer.get(path(invoice), **FRAGMENT))
    assert "is being made" in shown
    assert 'data-countdown="1"' in shown
    assert not LightningInvoice.objects.exists()


def test_while_the_next_code_is_late_the_one_before_stays_as_long_as_it_can_be_paid(
    payer: Client, invoice: Invoice, troubled: SandboxServer
) -> None:
    old = lightning_invoice_issue(invoice=invoice)
    LightningInvoice.objects.filter(pk=old.pk).update(expires_at=timezone.now() + timedelta(seconds=9))
    held = live.connection().lock(f"flashpay:issue:{invoice.pk}:checkout", timeout=15)
    assert held.acquire(blocking=False)
    shown = page(payer.get(path(invoice), **FRAGMENT))
    assert f'href="lightning:{old.bolt11}"' in shown
    assert "is being made" not in shown
    # It looks again soon, and not as fast as it can.
    assert shown.split('data-countdown="')[1].split('"')[0] in ("1", "2")
    assert version_of(page(payer.get(path(invoice), **FRAGMENT))) != version_of(shown)

    held.release()
    troubled.switch(invoice_error=True)
    assert old.bolt11 in page(payer.get(path(invoice), **FRAGMENT))
    LightningInvoice.objects.filter(pk=old.pk).update(expires_at=timezone.now() + timedelta(seconds=2))
    shown = page(payer.get(path(invoice), **FRAGMENT))
    assert old.bolt11 not in shown
    assert "tries again by itself" in shown
    assert LightningInvoice.objects.count() == 1


def test_without_redis_it_waits_and_asks_flash_nothing(
    payer: Client, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    away = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1)
    monkeypatch.setattr(live, "connection", lambda: away)
    assert "is being made" in page(payer.get(path(invoice), **FRAGMENT))
    assert not LightningInvoice.objects.exists()


# --- How it went ----------------------------------------------------------------------------------------------------


def test_paid_it_says_so_stops_watching_and_offers_the_receipt(payer: Client, invoice: Invoice) -> None:
    pay(invoice)
    shown = page(payer.get(path(invoice)))
    assert "data-final" in shown
    assert f'href="{path(invoice)}/receipt"' in shown
    assert "lightning:" not in shown
    assert "http-equiv" not in shown


def test_paid_it_leads_back_to_the_shop(payer: Client, invoice: Invoice) -> None:
    Invoice.objects.filter(pk=invoice.pk).update(redirect_url="https://shop.example/thanks?order=1&x=2")
    assert "shop.example" not in page(payer.get(path(invoice)))
    pay(invoice)
    assert 'href="https://shop.example/thanks?order=1&amp;x=2"' in page(payer.get(path(invoice)))


def test_paid_in_part_it_shows_what_arrived_and_a_code_for_the_rest(payer: Client, invoice: Invoice) -> None:
    pay_half(invoice)
    shown = page(payer.get(path(invoice)))
    rest = LightningInvoice.objects.latest("id")
    assert rest.credit_msat == 10_500_000
    assert rest.bolt11 in shown
    assert "10,500 sat" in shown


def test_expired_it_takes_no_payment_and_does_not_ask_flash(payer: Client, invoice: Invoice) -> None:
    # The sweep has not come yet; the page goes by the clock.
    then = timezone.now() - timedelta(hours=2)
    Invoice.objects.filter(pk=invoice.pk).update(created_at=then, expires_at=then + timedelta(hours=1))
    shown = page(payer.get(path(invoice)))
    assert "lightning:" not in shown
    assert "expired" in shown.lower()
    assert not LightningInvoice.objects.exists()


def test_paid_late_is_paid_and_flagged(payer: Client, invoice: Invoice) -> None:
    pay(invoice, now=invoice.expires_at + timedelta(minutes=1))
    assert invoice.additional_state == "PaidLate"
    assert f'href="{path(invoice)}/receipt"' in page(payer.get(path(invoice)))


def test_paid_over_is_paid_and_says_what_was_too_much(payer: Client, invoice: Invoice) -> None:
    first = lightning_invoice_issue(invoice=invoice)
    LightningInvoice.objects.filter(pk=first.pk).update(expires_at=timezone.now())
    second = lightning_invoice_issue(invoice=invoice)
    for code in (first, second):
        payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    assert invoice.additional_state == "PaidOver"
    shown = page(payer.get(path(invoice)))
    # What arrived is not shown as if the amount were worth it.
    assert '<span class="fp-amount-main">42,000 sat</span>' in shown
    assert "That is more than 21,000 sat; the shop can refund the rest." in shown
    assert '<span class="fp-amount-main">42,000 sat</span>' in page(payer.get(f"{path(invoice)}/receipt"))


def test_marked_invalid_it_takes_no_payment(payer: Client, invoice: Invoice) -> None:
    invoice_mark(invoice=invoice, state="Invalid", reason="A mistake.", actor="alice")
    shown = page(payer.get(path(invoice)))
    assert "lightning:" not in shown
    assert "A mistake." not in shown
    assert "data-final" in shown
    assert not LightningInvoice.objects.exists()


# --- The receipt ----------------------------------------------------------------------------------------------------


def test_the_receipt_names_store_amount_and_payment_hash(payer: Client, invoice: Invoice) -> None:
    pay(invoice)
    shown = page(payer.get(f"{path(invoice)}/receipt"))
    assert LightningInvoice.objects.get().payment_hash in shown
    assert "Alice&#x27;s café" in shown
    assert "21,000 sat" in shown
    assert "data-print" in shown


def test_without_a_payment_there_is_no_receipt(payer: Client, invoice: Invoice) -> None:
    response = payer.get(f"{path(invoice)}/receipt")
    assert response.status_code == 302
    assert response["Location"] == path(invoice)
    assert not LightningInvoice.objects.exists()
