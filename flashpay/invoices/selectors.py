"""Reading invoices: found by what a merchant knows of them, and what has been paid of one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from flashpay.invoices.models import (
    CARD_MAY_PAY,
    Invoice,
    InvoiceState,
    LightningInvoice,
    LightningInvoiceState,
    PayLink,
    Payment,
    PaymentRequest,
)
from flashpay.invoices.search import InvoiceQuery, invoices_matching
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import currency_get
from flashpay.money.rates import DOWN, Rate, minor_from_msat, price_rounded
from flashpay.stores.models import Store


def invoices_search(
    *,
    store: Store,
    states: Collection[str] = (),
    order_ids: Collection[str] = (),
    query: InvoiceQuery | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Invoice]:
    """The store's invoices, newest first, narrowed by everything that is given; `query` comes from `search.query_read`."""
    found = Invoice.objects.filter(store=store)
    if states:
        found = found.filter(state__in=states)
    if order_ids:
        found = found.filter(order_id__in=order_ids)
    if since is not None:
        found = found.filter(created_at__gte=since)
    if until is not None:
        found = found.filter(created_at__lte=until)
    return invoices_matching(found, query or InvoiceQuery()).order_by("-created_at", "-pk")


def invoice_find(invoice_id: str) -> Invoice | None:
    return Invoice.objects.select_related("store").filter(pk=invoice_id).first()


def invoice_is_payable(invoice: Invoice, now: datetime | None = None) -> bool:
    """Whether it still takes money: new, its time is not over, and its store is not archived."""
    alive = invoice.state == InvoiceState.NEW and (now or timezone.now()) < invoice.expires_at
    return alive and not invoice.store.archived


def paid_minor(invoice: Invoice) -> int:
    """How much of the invoice is covered, in minor units of its currency, cut down: all of it only when all is paid."""
    if invoice.amount is None or not invoice.amount_msat:
        return 0
    return invoice.amount * invoice.credited_msat // invoice.amount_msat


def received_minor(invoice: Invoice) -> int | None:
    """What arrived, in minor units of the invoice's currency at the rate that it recorded, cut down; None without a rate."""
    if invoice.rate is None or invoice.rate_at is None:
        return None
    rate = Rate(currency_get(invoice.currency), price_rounded(invoice.rate), invoice.rate_source, invoice.rate_at)
    return minor_from_msat(invoice.received_msat, rate, DOWN)


def paid_known(invoice: Invoice) -> int | None:
    """What was paid, for books: `paid_minor`, or of an open amount all that arrived; None where nobody knows its worth."""
    if invoice.amount is not None:
        return paid_minor(invoice)
    if currency_get(invoice.currency).is_bitcoin:
        return invoice.received_msat // MSAT_PER_SAT
    return received_minor(invoice)


def code_shown_last(invoice: Invoice) -> LightningInvoice | None:
    return invoice.lightning_invoices.order_by("-id").first()


def code_card_may_pay(invoice: Invoice) -> LightningInvoice | None:
    """The last code that a card's service was given and may still pay: Flash has not said yet what became of it."""
    given = invoice.lightning_invoices.filter(
        state=LightningInvoiceState.OPEN, card_collections__state__in=CARD_MAY_PAY
    )
    return given.order_by("-id").first()


def invoice_state_now(invoice: Invoice, now: datetime) -> str:
    """Its state, a New one counted as Expired from the moment its time is over: the sweep that says so may be late."""
    if invoice.state == InvoiceState.NEW and now >= invoice.expires_at:
        return InvoiceState.EXPIRED
    return invoice.state


def invoice_due_msat(invoice: Invoice) -> int:
    """What is still to be paid; 0 for a top-up, which has no amount."""
    return max((invoice.amount_msat or 0) - invoice.credited_msat, 0)


def invoice_payments(invoice: Invoice) -> QuerySet[Payment]:
    """Its payments, oldest first, each with the Lightning invoice that it paid."""
    return invoice.payments.select_related("lightning_invoice")


def checkout_link(invoice: Invoice) -> str:
    """The address of its checkout page. Whoever has it can pay, and see whether it was paid."""
    return settings.PUBLIC_URL + reverse("invoices:checkout", args=[invoice.pk])


def request_link(request: PaymentRequest) -> str:
    """The address of a bill's own page. Whoever has it can pay."""
    return settings.PUBLIC_URL + reverse("requests:request", args=[request.pk])


def link_address(link: PayLink) -> str:
    """The address of a pay link's own page."""
    return settings.PUBLIC_URL + reverse("links:link", args=[link.pk])
