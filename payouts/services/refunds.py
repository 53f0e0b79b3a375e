"""Giving money of an invoice back: a pull payment that whoever holds its link claims, linked to the invoice."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from flashpay.money.currencies import Currency
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.rates import rates_held
from payouts.models import PullPayment
from payouts.services.pull_payments import pull_payment_create


def refund_create(
    *,
    store: Store,
    invoice_id: str,
    amount: int,
    currency: Currency,
    actor: str,
    name: str = "",
    description: str = "",
    auto_approve: bool = False,
    again: bool = False,
    now: datetime | None = None,
) -> PullPayment:
    """A pull payment over `amount` minor units for the payer of an invoice, recorded with both of them.

    A second one for the same invoice is refused unless the caller says `again`, so that no double click gives money back
    twice; one that was archived does not count. Raises Refusal or NoFreshRate, and then nothing was made.
    """
    now = now or timezone.now()
    with rates_held([currency]), transaction.atomic():
        # Two people who refund the same invoice at once do so one after the other.
        Store.objects.select_for_update().get(pk=store.pk)
        if not again and any(refund.archived_at is None for refund in refunds_of(store=store, invoice_id=invoice_id)):
            raise Refusal(
                "refund-exists",
                "There is a refund of this invoice already. Archive that one first, or refund a custom amount.",
            )
        refund = pull_payment_create(
            store=store,
            amount=amount,
            currency=currency,
            actor=actor,
            name=(name or f"Refund {invoice_id}")[:50],
            description=description,
            auto_approve=auto_approve,
            now=now,
        )
        refund.refund_of_id = invoice_id
        refund.save(update_fields=["refund_of"])
        event_record(
            row=cast(Model, refund.refund_of),
            type="InvoiceRefunded",
            actor=actor,
            at=now,
            evidence={"pull_payment": refund.pk, "amount": amount, "currency": currency.code},
        )
    return refund


def refunds_of(*, store: Store, invoice_id: str) -> list[PullPayment]:
    """The refunds that were made of an invoice, oldest first."""
    return list(PullPayment.objects.filter(store=store, refund_of_id=invoice_id).order_by("created_at"))
