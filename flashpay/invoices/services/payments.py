"""Crediting money that came in, by payment hash and nothing else."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from flashpay.invoices.models import (
    AdditionalState,
    Evidence,
    Invoice,
    InvoiceState,
    LightningInvoice,
    LightningInvoiceState,
    Payment,
)
from flashpay.stores.events import event_record, transition

_BASIS_POINTS = 10_000


def payment_record(
    *, lightning_invoice: LightningInvoice, evidence: Evidence, now: datetime | None = None
) -> Payment | None:
    """Flash says that this Lightning invoice is paid: credit its invoice, once.

    Moves the Lightning invoice to paid and the invoice as far as the money goes. None when it was credited before,
    however often and from wherever the news comes. Also after expiry: late money is credited and flagged.
    """
    now = now or timezone.now()
    with transaction.atomic():
        # The sums below are read and written as one step: two codes of one invoice may be paid at the same moment.
        invoice = Invoice.objects.select_for_update().get(pk=lightning_invoice.invoice_id)
        if not _mark_paid(lightning_invoice, evidence, now):
            return None
        amount_msat = lightning_invoice.amount_msat or 0
        credit_msat = _credit_msat(invoice, lightning_invoice, amount_msat)
        payment = Payment.objects.create(
            store_id=invoice.store_id,
            invoice=invoice,
            lightning_invoice=lightning_invoice,
            amount_msat=amount_msat,
            credited_msat=credit_msat,
            evidence=evidence,
            settled_at=now,
        )
        Invoice.objects.filter(pk=invoice.pk).update(
            received_msat=F("received_msat") + amount_msat, credited_msat=F("credited_msat") + credit_msat
        )
        invoice.refresh_from_db()
        event_record(
            row=invoice,
            type="InvoiceReceivedPayment",
            at=now,
            evidence={
                "payment_hash": lightning_invoice.payment_hash,
                "amount_msat": amount_msat,
                "by": evidence,
                "after_expiration": now > invoice.expires_at,
            },
        )
        _advance(invoice, now)
    return payment


def _mark_paid(lightning_invoice: LightningInvoice, evidence: Evidence, now: datetime) -> bool:
    """Open or expired → paid; False when somebody else did it first."""
    lightning_invoice.refresh_from_db()
    if lightning_invoice.state == LightningInvoiceState.PAID:
        return False
    return transition(
        lightning_invoice,
        LightningInvoiceState.PAID,
        at=now,
        type="LightningInvoicePaid",
        evidence={"by": evidence},
        also=[f"invoice:{lightning_invoice.invoice_id}"],
        next_poll_at=None,
    )


def _credit_msat(invoice: Invoice, lightning_invoice: LightningInvoice, amount_msat: int) -> int:
    """What the payment covers: the share its code was made for; of a top-up, which has no amount, what arrived."""
    if invoice.amount_msat is None or lightning_invoice.credit_msat is None:
        return amount_msat
    return lightning_invoice.credit_msat


def _advance(invoice: Invoice, now: datetime) -> None:
    """Move the invoice to where its credited sum puts it."""
    needed_msat = 1
    if invoice.amount_msat is not None:
        needed_msat = invoice.amount_msat * (_BASIS_POINTS - invoice.tolerance_bp) // _BASIS_POINTS
    waits = invoice.state in (InvoiceState.NEW, InvoiceState.PROCESSING, InvoiceState.EXPIRED)
    if invoice.credited_msat < needed_msat:
        if waits:  # what a person decided stays as it was decided
            _flag(invoice, AdditionalState.PAID_PARTIAL)
        return
    additional = AdditionalState.NONE
    if now > invoice.expires_at:
        additional = AdditionalState.PAID_LATE
    if invoice.amount_msat is not None and invoice.credited_msat > invoice.amount_msat:
        additional = AdditionalState.PAID_OVER
    if waits:
        transition(
            invoice,
            InvoiceState.SETTLED,
            at=now,
            type="InvoiceSettled",
            evidence={"additional": additional},
            additional_state=additional,
            settled_at=now,
        )
    elif invoice.state == InvoiceState.SETTLED and additional == AdditionalState.PAID_OVER:
        # More came after it was settled. Anything else says nothing new: it was in time, in full, or marked by a person.
        _flag(invoice, additional)


def _flag(invoice: Invoice, additional: AdditionalState) -> None:
    Invoice.objects.filter(pk=invoice.pk).update(additional_state=additional)
