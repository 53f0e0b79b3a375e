"""Which payment moves an invoice where: BTCPay Server's states and additional states, one rule at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay import lightning
from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.services import (
    invoice_create,
    invoice_mark,
    invoices_expire,
    lightning_invoice_issue,
    payment_record,
)
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Event, Store

pytestmark = pytest.mark.django_db

AMOUNT_SAT = 10_000


def make(store: Store, **more: Any) -> Invoice:
    return invoice_create(store=store, amount=AMOUNT_SAT, currency=SAT, actor="alice", **more)


def pay(invoice: Invoice, share: float = 1.0, *, late: bool = False) -> None:
    """A payment that covers `share` of the whole amount, by a code of its own."""
    invoice.refresh_from_db()
    live = Invoice.objects.get(pk=invoice.pk)
    live.state = "New"
    live.credited_msat = min(live.credited_msat, (live.amount_msat or 1) - 1000)
    code = lightning_invoice_issue(invoice=live, now=invoice.created_at + timedelta(seconds=1))
    LightningInvoice.objects.filter(pk=code.pk).update(
        credit_msat=int(AMOUNT_SAT * 1000 * share), expires_at=timezone.now() - timedelta(minutes=1)
    )
    code.refresh_from_db()
    now = invoice.expires_at + timedelta(seconds=1) if late else invoice.created_at + timedelta(seconds=2)
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH, now=now)
    invoice.refresh_from_db()


def expire(invoice: Invoice) -> None:
    invoices_expire(now=invoice.expires_at + timedelta(milliseconds=1))
    invoice.refresh_from_db()


def where(invoice: Invoice) -> tuple[str, str]:
    return invoice.state, invoice.additional_state


def test_paid_in_full_it_is_settled(connected_store: Store) -> None:
    invoice = make(connected_store)
    pay(invoice)
    assert where(invoice) == ("Settled", "None")
    assert invoice.settled_at is not None


def test_paid_in_part_it_stays_new_and_the_rest_settles_it(connected_store: Store) -> None:
    invoice = make(connected_store)
    pay(invoice, 0.4)
    assert where(invoice) == ("New", "PaidPartial")
    rest = lightning_invoice_issue(invoice=invoice)
    assert lightning.invoice_read(rest.bolt11).amount_msat == AMOUNT_SAT * 600
    payment_record(lightning_invoice=rest, evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    assert where(invoice) == ("Settled", "None")
    assert invoice.payments.count() == 2


def test_paid_in_part_it_expires_as_such(connected_store: Store) -> None:
    invoice = make(connected_store)
    pay(invoice, 0.4)
    expire(invoice)
    assert where(invoice) == ("Expired", "PaidPartial")


def test_the_rest_that_comes_late_settles_it_late(connected_store: Store) -> None:
    invoice = make(connected_store)
    pay(invoice, 0.4)
    expire(invoice)
    pay(invoice, 0.6, late=True)
    assert where(invoice) == ("Settled", "PaidLate")


def test_a_part_that_comes_late_leaves_it_expired_in_part(connected_store: Store) -> None:
    invoice = make(connected_store)
    expire(invoice)
    assert where(invoice) == ("Expired", "None")
    pay(invoice, 0.4, late=True)
    assert where(invoice) == ("Expired", "PaidPartial")
    assert Event.objects.get(type="InvoiceReceivedPayment").evidence["after_expiration"] is True


def test_paid_late_in_full_it_is_settled_late(connected_store: Store) -> None:
    invoice = make(connected_store)
    expire(invoice)
    pay(invoice, late=True)
    assert where(invoice) == ("Settled", "PaidLate")


def test_late_money_before_the_sweep_counts_as_late_too(connected_store: Store) -> None:
    invoice = make(connected_store)
    pay(invoice, late=True)
    assert where(invoice) == ("Settled", "PaidLate")


def test_paid_twice_it_is_paid_over_also_when_the_second_comes_late(connected_store: Store) -> None:
    first, second = make(connected_store), make(connected_store)
    for invoice, late in ((first, False), (second, True)):
        pay(invoice)
        pay(invoice, late=late)
        assert where(invoice) == ("Settled", "PaidOver")
        assert invoice.credited_msat == 2 * AMOUNT_SAT * 1000


@pytest.mark.parametrize(("share", "state"), [(0.97, "Settled"), (0.9699, "New")])
def test_a_tolerance_settles_what_is_nearly_paid(connected_store: Store, share: float, state: str) -> None:
    invoice = make(connected_store, tolerance_bp=300)
    pay(invoice, share)
    assert invoice.state == state


def test_more_after_a_tolerated_payment_is_over_only_beyond_the_amount(connected_store: Store) -> None:
    invoice = make(connected_store, tolerance_bp=300)
    pay(invoice, 0.98)
    pay(invoice, 0.02, late=True)
    assert where(invoice) == ("Settled", "None")
    pay(invoice, 0.01, late=True)
    assert where(invoice) == ("Settled", "PaidOver")


def test_what_a_person_marked_stays_marked_when_money_comes(connected_store: Store) -> None:
    invoice = make(connected_store)
    invoice_mark(invoice=invoice, state="Settled", reason="cash", actor="alice")
    pay(invoice, 0.4)
    assert where(invoice) == ("Settled", "Marked")
    refused = make(connected_store)
    invoice_mark(invoice=refused, state="Invalid", reason="mistake", actor="alice")
    pay(refused)
    assert where(refused) == ("Invalid", "Marked")
    assert refused.received_msat > 0


def test_a_top_up_settles_on_whatever_comes_and_is_never_over(connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=None, currency=USD, actor="alice")
    code = lightning_invoice_issue(invoice=invoice, amount_msat=2_500_000)
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    assert where(invoice) == ("Settled", "None")
    assert invoice.credited_msat == invoice.received_msat == code.amount_msat


def test_a_top_up_that_nobody_paid_expires(connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=None, currency=SAT, actor="alice")
    expire(invoice)
    assert where(invoice) == ("Expired", "None")
