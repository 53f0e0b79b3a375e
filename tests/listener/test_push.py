"""Payments that Flash tells of: credited at once, once, and only where they belong."""

from __future__ import annotations

import pytest

from flashpay.invoices.models import LightningInvoice, Payment
from flashpay.invoices.services import invoice_create, lightning_invoice_issue
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from tests.listener.conftest import until
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db(transaction=True)

ALICE = "alice@example.com"


def code_of(store: Store, amount: int = 21_000) -> LightningInvoice:
    return lightning_invoice_issue(invoice=invoice_create(store=store, amount=amount, currency=SAT, actor=ALICE))


def test_a_payment_settles_by_push(connected_store: Store, listener: Program, flash: SandboxServer) -> None:
    code = code_of(connected_store)
    flash.phone_pay(code.bolt11)
    payment = until(lambda: Payment.objects.filter(lightning_invoice=code).first())
    assert payment.evidence == "push"
    code.refresh_from_db()
    assert (code.state, code.invoice.state) == ("paid", "Settled")
