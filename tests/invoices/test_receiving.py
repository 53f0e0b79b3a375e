"""From an invoice to its payment, through the real sandbox Flash: credited once, by payment hash alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from flashpay import lightning
from flashpay.invoices.models import Evidence, Invoice, LightningInvoice, Payment
from flashpay.invoices.services import (
    invoice_create,
    invoices_expire,
    lightning_invoice_issue,
    lightning_invoices_poll,
    payment_record,
)
from flashpay.money.currencies import SAT, USD, currency_get
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

ALICE = "alice@example.com"


def grow_old(code: LightningInvoice) -> None:
    """Its minute is nearly over."""
    LightningInvoice.objects.filter(pk=code.pk).update(expires_at=timezone.now() + timedelta(seconds=5))


def poll(seconds: int = 6) -> int:
    """One poll, as it happens some seconds from now."""
    return lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=seconds))


def test_it_makes_an_invoice_in_sats(connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    assert (invoice.state, invoice.amount_msat, invoice.rate) == ("New", 21_000_000, None)
    assert list(Event.objects.filter(entity="invoice").values_list("type", "actor")) == [("InvoiceCreated", ALICE)]


def test_it_records_the_rate_of_a_fiat_invoice(connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=1_234, currency=USD, actor=ALICE)
    assert invoice.rate == 63_500
    assert invoice.rate_source == "flash"
    assert invoice.rate_at is not None
    # 12.34 / 63,500 BTC, rounded up to whole sats.
    assert invoice.amount_msat == 19_434_000


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"amount": 0}, "invalid-amount"),
        ({"amount": -5}, "invalid-amount"),
        ({"amount": 5, "metadata": {"x": "y" * 70_000}}, "metadata-too-large"),
        ({"amount": 5, "redirect_url": "javascript:alert(1)"}, "invalid-redirect-url"),
        ({"amount": 5, "expiration_s": 1}, "invalid-duration"),
    ],
)
def test_it_refuses_what_no_invoice_can_be(connected_store: Store, wish: dict, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        invoice_create(store=connected_store, currency=SAT, actor=ALICE, **wish)
    assert refusal.value.code == code
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(("amount", "currency"), [(21_000, "SAT"), (999, "USD"), (150_000, "JMD"), (1, "SAT")])
def test_a_code_covers_what_is_due(connected_store: Store, amount: int, currency: str) -> None:
    invoice = invoice_create(store=connected_store, amount=amount, currency=currency_get(currency), actor=ALICE)
    code = lightning_invoice_issue(invoice=invoice)
    assert code.credit_msat == invoice.amount_msat
    assert lightning.invoice_read(code.bolt11).amount_msat == code.amount_msat
    assert code.amount_msat is not None
    assert invoice.amount_msat is not None
    assert abs(code.amount_msat - invoice.amount_msat) <= 1_000
    assert timezone.now() < code.expires_at <= timezone.now() + timedelta(seconds=61)


def test_it_shows_the_same_code_while_it_lives(connected_store: Store, sandbox: SandboxServer) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    first = lightning_invoice_issue(invoice=invoice)
    assert lightning_invoice_issue(invoice=invoice) == first
    grow_old(first)
    later = lightning_invoice_issue(invoice=invoice)
    assert later.payment_hash != first.payment_hash
    assert invoice.lightning_invoices.count() == 2


def test_a_payment_found_by_polling_settles_the_invoice_once(connected_store: Store, sandbox: SandboxServer) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    code = lightning_invoice_issue(invoice=invoice)
    assert poll() == 0
    sandbox.phone_pay(code.bolt11)
    assert poll(12) == 1
    assert poll(18) == 0
    invoice.refresh_from_db()
    assert (invoice.state, invoice.additional_state) == ("Settled", "None")
    assert invoice.received_msat == code.amount_msat
    payment = Payment.objects.get()
    assert (payment.lightning_invoice, payment.evidence) == (code, "poll")


def test_news_by_push_and_by_poll_credit_once(connected_store: Store, sandbox: SandboxServer) -> None:
    invoice = invoice_create(store=connected_store, amount=5_000, currency=SAT, actor=ALICE)
    code = lightning_invoice_issue(invoice=invoice)
    sandbox.phone_pay(code.bolt11)
    stale = LightningInvoice.objects.get(pk=code.pk)
    assert payment_record(lightning_invoice=code, evidence=Evidence.PUSH) is not None
    assert payment_record(lightning_invoice=stale, evidence=Evidence.POLL) is None
    assert poll() == 0
    assert Payment.objects.count() == 1


def test_an_unrelated_payment_of_the_same_amount_settles_nothing(
    connected_store: Store, sandbox: SandboxServer
) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    lightning_invoice_issue(invoice=invoice)
    other = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    sandbox.phone_pay(lightning_invoice_issue(invoice=other).bolt11)
    assert poll() == 1
    invoice.refresh_from_db()
    other.refresh_from_db()
    assert (invoice.state, other.state) == ("New", "Settled")
    assert not invoice.payments.exists()


def test_it_expires_unpaid_and_still_credits_late_money(connected_store: Store, sandbox: SandboxServer) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    code = lightning_invoice_issue(invoice=invoice)
    sandbox.phone_pay(code.bolt11)
    over = invoice.expires_at + timedelta(seconds=1)
    assert invoices_expire(now=over) == 1
    invoice.refresh_from_db()
    assert invoice.state == "Expired"
    assert lightning_invoices_poll(api_url="", now=over + timedelta(minutes=1)) == 1
    invoice.refresh_from_db()
    assert (invoice.state, invoice.additional_state) == ("Settled", "PaidLate")


def test_two_codes_paid_is_paid_over(connected_store: Store, sandbox: SandboxServer) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    first = lightning_invoice_issue(invoice=invoice)
    grow_old(first)
    second = lightning_invoice_issue(invoice=invoice)
    sandbox.phone_pay(first.bolt11)
    sandbox.phone_pay(second.bolt11)
    assert poll() == 2
    invoice.refresh_from_db()
    assert (invoice.state, invoice.additional_state) == ("Settled", "PaidOver")
    assert invoice.credited_msat == 42_000_000


def test_it_refuses_a_code_for_an_invoice_that_is_over(connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    with pytest.raises(Refusal):
        lightning_invoice_issue(invoice=invoice, now=invoice.expires_at)
    assert not LightningInvoice.objects.exists()


def test_a_store_without_a_wallet_gets_a_clear_no(store: Store) -> None:
    invoice = invoice_create(store=store, amount=21_000, currency=SAT, actor=ALICE)
    with pytest.raises(Refusal, match="no Flash wallet"):
        lightning_invoice_issue(invoice=invoice)


def test_an_error_while_asking_leaves_the_code_to_be_asked_again(
    connected_store: Store, sandbox: SandboxServer
) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
    code = lightning_invoice_issue(invoice=invoice)
    sandbox.phone_pay(code.bolt11)
    sandbox.stop()
    try:
        assert poll() == 0
    finally:
        sandbox.start()
    assert poll(60) == 1
    invoice.refresh_from_db()
    assert invoice.state == "Settled"


def test_no_invoice_in_fiat_without_a_fresh_rate(connected_store: Store, sandbox: SandboxServer) -> None:
    sandbox.stop()
    try:
        with pytest.raises(ValueError, match="does not guess"):
            invoice_create(store=connected_store, amount=500, currency=USD, actor=ALICE)
    finally:
        sandbox.start()
    assert not Invoice.objects.exists()


def test_the_clock_of_a_code_is_its_own(connected_store: Store) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=True):
        invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor=ALICE)
        code = lightning_invoice_issue(invoice=invoice)
    assert code.poll_until == invoice.monitoring_ends_at
