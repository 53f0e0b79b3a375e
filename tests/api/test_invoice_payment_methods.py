from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay import lightning
from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.services import invoice_create, invoice_mark, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store
from flashpay.stores.rates import rate_get
from tests.api.conftest import Script
from tests.sandbox_server import SandboxServer


@pytest.fixture
def invoice(paying_store: Store) -> Invoice:
    return invoice_create(store=paying_store, amount=30_000, currency=SAT, actor="alice")


def _how(script: Script, invoice: Invoice) -> Any:
    (how,) = script.get(f"/stores/{invoice.store_id}/invoices/{invoice.pk}/payment-methods")
    return how


def test_it_answers_a_code_that_can_be_paid_now_and_the_same_one_again(api: Script, invoice: Invoice) -> None:
    how = _how(api, invoice)
    code = lightning.invoice_read(how["destination"])
    assert (how["paymentMethodId"], how["currency"], how["activated"]) == ("BTC-LN", "BTC", True)
    assert how["paymentLink"] == f"lightning:{how['destination']}"
    assert (how["amount"], how["due"], how["totalPaid"]) == ("0.00030000", "0.00030000", "0.00000000")
    assert (how["rate"], how["payments"]) == ("100000000", [])
    assert how["additionalData"]["paymentHash"] == code.payment_hash
    assert how["additionalData"]["amountMsat"] == code.amount_msat
    assert _how(api, invoice)["destination"] == how["destination"]
    assert LightningInvoice.objects.count() == 1


def test_it_tells_the_recorded_rate_of_a_fiat_invoice(api: Script, paying_store: Store) -> None:
    invoice = invoice_create(store=paying_store, amount=500, currency=USD, actor="alice")
    how = _how(api, invoice)
    assert invoice.rate is not None
    assert how["rate"] == format(invoice.rate.normalize(), "f")


def test_it_tells_what_was_paid(api: Script, invoice: Invoice) -> None:
    destination = _how(api, invoice)["destination"]
    code = LightningInvoice.objects.get()
    payment_record(lightning_invoice=code, evidence=Evidence.POLL)
    how = _how(api, invoice)
    assert (how["due"], how["totalPaid"]) == ("0.00000000", "0.00030000")
    (payment,) = how["payments"]
    assert (payment["id"], payment["destination"], payment["status"]) == (code.payment_hash, destination, "Settled")
    assert how["additionalData"]["state"] == "paid"
    assert LightningInvoice.objects.count() == 1


@pytest.mark.parametrize("state", ["Settled", "Invalid"])
def test_it_makes_no_code_for_an_invoice_that_takes_no_money(api: Script, invoice: Invoice, state: str) -> None:
    invoice_mark(invoice=invoice, state=state, reason="test", actor="alice")
    assert _how(api, invoice)["destination"] is None
    assert not LightningInvoice.objects.exists()


def test_it_makes_no_code_for_an_expired_invoice(api: Script, paying_store: Store) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    old = invoice_create(store=paying_store, amount=1000, currency=SAT, actor="alice", now=an_hour_ago)
    assert _how(api, old)["destination"] is None
    assert not LightningInvoice.objects.exists()


def test_it_says_that_the_store_has_no_wallet(api: Script, store: Store) -> None:
    invoice = invoice_create(store=store, amount=1000, currency=SAT, actor="alice")
    assert api.get(f"/invoices/{invoice.pk}/payment-methods", 400)["code"] == "wallet-not-connected"


def test_it_says_that_flash_is_away_and_shows_no_code(api: Script, invoice: Invoice, sandbox: SandboxServer) -> None:
    rate_get(USD)  # known, so that only the wallet is missing
    sandbox.stop()
    try:
        refused = api.get(f"/invoices/{invoice.pk}/payment-methods", 503)
    finally:
        sandbox.start()
    assert refused["code"] == "wallet-unavailable"
    assert not LightningInvoice.objects.exists()
