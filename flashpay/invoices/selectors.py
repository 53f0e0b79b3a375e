"""Reading invoices: found by what a merchant knows of them, and what has been paid of one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet

from flashpay.invoices.models import Invoice, LightningInvoice
from flashpay.stores.models import Store


def invoices_search(
    *,
    store: Store,
    states: Collection[str] = (),
    order_ids: Collection[str] = (),
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Invoice]:
    """The store's invoices that are not archived, newest first, narrowed by everything that is given.

    `text` is an id, an order number, a payment hash, or a part of the description.
    """
    found = Invoice.objects.filter(store=store, archived=False)
    if states:
        found = found.filter(state__in=states)
    if order_ids:
        found = found.filter(order_id__in=order_ids)
    if since is not None:
        found = found.filter(created_at__gte=since)
    if until is not None:
        found = found.filter(created_at__lte=until)
    if text:
        by_hash = LightningInvoice.objects.filter(payment_hash=text.lower()).values("invoice")
        found = found.filter(Q(pk=text) | Q(order_id__iexact=text) | Q(description__icontains=text) | Q(pk__in=by_hash))
    return found.order_by("-created_at", "pk")


def invoice_find(invoice_id: str) -> Invoice | None:
    return Invoice.objects.select_related("store").filter(pk=invoice_id).first()


def paid_minor(invoice: Invoice) -> int:
    """How much of the invoice is covered, in minor units of its currency, cut down: all of it only when all is paid."""
    if invoice.amount is None or not invoice.amount_msat:
        return 0
    return invoice.amount * invoice.credited_msat // invoice.amount_msat


def code_shown_last(invoice: Invoice) -> LightningInvoice | None:
    return invoice.lightning_invoices.order_by("-id").first()
