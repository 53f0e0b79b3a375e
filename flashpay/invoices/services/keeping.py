"""What a merchant notes about an invoice, and whether it is shown in the lists. Neither touches money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from flashpay.invoices.models import Invoice
from flashpay.invoices.services.invoices import metadata_check
from flashpay.stores.events import event_record


def invoice_note(
    *,
    invoice: Invoice,
    metadata: Mapping[str, Any],
    order_id: str,
    description: str,
    actor: str,
    now: datetime | None = None,
) -> None:
    """Replace an invoice's metadata, with the order number and description that stand in them. Raises Refusal."""
    now = now or timezone.now()
    metadata_check(metadata)
    changes = {"metadata": dict(metadata), "order_id": order_id[:200], "description": description[:500]}
    with transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(**changes)
        event_record(
            row=invoice,
            type="InvoiceNoted",
            actor=actor,
            at=now,
            evidence={"before": invoice.metadata, "now": metadata},
        )
    for name, value in changes.items():
        setattr(invoice, name, value)


def invoice_archive(*, invoice: Invoice, archived: bool, actor: str, now: datetime | None = None) -> None:
    """Take an invoice out of the lists, or back in. It is paid and watched all the same."""
    now = now or timezone.now()
    with transaction.atomic():
        if not Invoice.objects.filter(pk=invoice.pk, archived=not archived).update(archived=archived):
            return
        event_record(row=invoice, type="InvoiceArchived" if archived else "InvoiceUnarchived", actor=actor, at=now)
    invoice.archived = archived
