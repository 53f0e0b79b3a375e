"""A store's invoices: listed, made, looked at, marked."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard import selectors
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.forms import percent_text
from flashpay.dashboard.invoice_forms import InvoiceForm
from flashpay.invoices.exporting import invoice_rows
from flashpay.invoices.models import Invoice, InvoiceState
from flashpay.invoices.search import InvoiceQuery, query_read
from flashpay.invoices.selectors import invoice_due_msat, invoices_search, received_minor
from flashpay.invoices.services import invoice_archive, invoice_create, invoice_mark
from flashpay.keyset import MANY, page_of
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.spreadsheets import csv_lines, csv_response
from flashpay.stores import permissions
from flashpay.stores.selectors import wallet_active
from payouts.services.refunds import refunds_of

# The last tab of the list: what was taken out of all the others.
ARCHIVED = "Archived"
# Searches that nobody should have to learn.
OFTEN = [
    ("Last 7 days", "startdate:-7d"),
    ("Paid over", "exceptionstatus:paidover"),
    ("Paid late", "exceptionstatus:paidlate"),
    ("Paid in part", "exceptionstatus:paidpartial"),
    ("Open amounts", "type:topup"),
    ("From the till", "source:till"),
]


@require_GET
@store_page(permissions.VIEW_INVOICES)
def invoices(request: StoreRequest) -> HttpResponse:
    state, text, query, found = _found(request)
    return store_render(
        request,
        "dashboard/invoices.html",
        {
            "nav": "invoices",
            "page": page_of(found, request.GET, total=MANY if query.many else None),
            "states": [*InvoiceState.values, ARCHIVED],
            "counts": selectors.invoice_counts(store=request.store),
            "state": state,
            "q": text,
            "problems": query.problems,
            "often": [("Today", f"startdate:{timezone.localdate()}"), *OFTEN],
            "export_url": reverse("dashboard:invoices_csv", args=[request.store.pk]),
            "wallet": wallet_active(request.store),
        },
    )


@require_GET
@store_page(permissions.VIEW_INVOICES)
def invoices_csv(request: StoreRequest) -> StreamingHttpResponse:
    """Everything that the list would show, as a table for a spreadsheet."""
    _state, _text, _query, found = _found(request)
    return csv_response(csv_lines(invoice_rows(found)), f"invoices-{timezone.now():%Y-%m-%d}")


def _found(request: StoreRequest) -> tuple[str, str, InvoiceQuery, QuerySet[Invoice]]:
    """The tab, the words, what they mean, and the invoices they mean."""
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()
    query = query_read(text, now=timezone.now(), zone=ZoneInfo(request.store.time_zone))
    query.archived = query.archived or state == ARCHIVED
    states = [state] if state in InvoiceState.values else []
    return state, text, query, invoices_search(store=request.store, states=states, query=query)


@require_http_methods(["GET", "POST"])
@store_page(permissions.CREATE_INVOICE)
def invoice_new(request: StoreRequest) -> HttpResponse:
    form = InvoiceForm(request.POST or None, store=request.store)
    if request.method == "POST" and form.is_valid():
        try:
            invoice = invoice_create(store=request.store, actor=str(request.user), **form.terms())
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            return redirect("dashboard:invoice", request.store.pk, invoice.pk)
    return store_render(
        request,
        "dashboard/invoice_create.html",
        {"nav": "invoices", "form": form, "wallet": wallet_active(request.store)},
        status=422 if form.errors else 200,
    )


@require_GET
@store_page(permissions.VIEW_INVOICES)
def invoice(request: StoreRequest, invoice_id: str) -> HttpResponse:
    shown = get_object_or_404(Invoice, pk=invoice_id, store=request.store)
    codes = list(shown.lightning_invoices.select_related("payment").order_by("-id")[:50])
    events = selectors.timeline(
        store=request.store,
        entities={
            "invoice": [shown.pk],
            "lightninginvoice": [str(code.pk) for code in codes],
            "cardcollection": [
                str(pk) for pk in shown.card_collections.order_by("-id").values_list("pk", flat=True)[:50]
            ],
        },
    )
    return store_render(
        request,
        "dashboard/invoice.html",
        {
            "nav": "invoices",
            "invoice": shown,
            "codes": codes,
            "payments": shown.payments.select_related("lightning_invoice"),
            "events": events,
            "refunds": refunds_of(store=request.store, invoice_id=shown.pk),
            "received_minor": _received(shown),
            "due_msat": invoice_due_msat(shown) if shown.credited_msat else 0,
            "tolerance": percent_text(shown.tolerance_bp),
            "own_data": _own_data(shown),
        },
    )


def _received(invoice: Invoice) -> int | None:
    """What arrived in the invoice's currency. None where it is what was asked: cut down to whole sats and cents, it would
    read as a cent too little."""
    exactly = invoice.credited_msat == invoice.amount_msat
    return received_minor(invoice) if invoice.received_msat and not exactly else None


def _own_data(invoice: Invoice) -> list[tuple[str, str]]:
    """What the merchant's programs have written into it, name by name, but for what the page shows elsewhere."""
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in invoice.metadata.items()
        if name not in ("orderId", "itemDesc", "buyerEmail")
    ]


@require_POST
@store_page(permissions.MODIFY_INVOICES)
def invoice_status(request: StoreRequest, invoice_id: str) -> HttpResponse:
    """Mark an invoice settled or invalid by hand, with a reason."""
    shown = get_object_or_404(Invoice, pk=invoice_id, store=request.store)
    reason = request.POST.get("reason", "").strip()
    try:
        if not reason:
            raise Refusal("reason-needed", "Please say why: the reason stays on record.", field="reason")
        invoice_mark(invoice=shown, state=request.POST.get("state", ""), reason=reason, actor=str(request.user))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"The invoice is marked {shown.state}.")
    return redirect("dashboard:invoice", request.store.pk, shown.pk)


@require_POST
@store_page(permissions.MODIFY_INVOICES)
def invoice_hide(request: StoreRequest, invoice_id: str) -> HttpResponse:
    """Archive an invoice, or take it back into the lists. It is paid and watched all the same."""
    shown = get_object_or_404(Invoice, pk=invoice_id, store=request.store)
    archived = request.POST.get("archived") == "1"
    invoice_archive(invoice=shown, archived=archived, actor=str(request.user))
    messages.success(request, "The invoice is archived." if archived else "The invoice is in the lists again.")
    return redirect("dashboard:invoice", request.store.pk, shown.pk)
