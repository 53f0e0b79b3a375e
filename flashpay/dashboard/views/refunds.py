"""Giving an invoice's money back: what each way comes to, and the pull payment that does it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.refund_forms import RefundForm
from flashpay.invoices.models import Invoice
from flashpay.invoices.refunds import RefundVariant, refund_amount
from flashpay.invoices.selectors import received_minor
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import Currency
from flashpay.money.errors import MoneyError
from flashpay.public_pages import wants_fragment
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.permissions import role_may
from payouts.models import PullPayment
from payouts.services.refunds import refund_create, refunds_of


@require_http_methods(["GET", "POST"])
@store_page(permissions.CREATE_UNAPPROVED_PULL_PAYMENTS)
def invoice_refund(request: StoreRequest, invoice_id: str) -> HttpResponse:
    """The choices; POST makes the refund and leads to it: its link or code is what the payer needs.

    GET with the form's fields and X-Fragment says what the payer could claim, and makes nothing.
    """
    invoice = get_object_or_404(Invoice, pk=invoice_id, store=request.store)
    if not invoice.received_msat:
        messages.error(request, "Nothing was paid for this invoice, so there is nothing to give back.")
        return redirect("dashboard:invoice", request.store.pk, invoice.pk)
    if request.method == "GET" and wants_fragment(request):
        form = RefundForm(request.GET, invoice=invoice)
        return store_render(request, "dashboard/_refund_preview.html", _preview(form))
    refunds = [one for one in refunds_of(store=request.store, invoice_id=invoice.pk) if one.archived_at is None]
    form = RefundForm(request.POST or None, invoice=invoice, refunded=bool(refunds))
    if request.method == "POST" and form.is_valid():
        try:
            refund = _make(request, form)
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            messages.success(request, "The refund is ready. Give its link or code to the payer.")
            return redirect("dashboard:pull_payment", request.store.pk, refund.pk)
    context = {
        "nav": "invoices",
        "invoice": invoice,
        "form": form,
        "refunds": refunds,
        **_preview(form if form.is_bound else RefundForm(form.initial, invoice=invoice)),
    }
    return store_render(request, "dashboard/refund.html", context, status=422 if form.errors else 200)


def _make(request: StoreRequest, form: RefundForm) -> PullPayment:
    terms = form.terms()
    amount, currency = refund_amount(invoice=form.invoice, **terms)
    variant = terms["variant"]
    return refund_create(
        store=request.store,
        invoice_id=form.invoice.pk,
        amount=amount,
        currency=currency,
        actor=str(request.user),
        # The sats of a fiat refund are not known before it is claimed: somebody looks at them.
        auto_approve=variant != RefundVariant.FIAT
        and role_may(request.membership.role, permissions.CREATE_PULL_PAYMENTS),
        again=variant == RefundVariant.CUSTOM,
    )


def _preview(form: RefundForm) -> dict[str, Any]:
    """What the payer could claim by what was typed so far; nothing where that is not said yet."""
    if not form.is_valid():
        return {"claimable": None}
    try:
        amount, currency = refund_amount(invoice=form.invoice, **form.terms())
    except (Refusal, MoneyError) as error:
        return {"claimable": None, "problem": error.sentence}
    return {
        "claimable": amount,
        "claimable_currency": currency.code,
        "more_than_paid": _is_more_than_paid(form.invoice, amount, currency),
    }


def _is_more_than_paid(invoice: Invoice, amount: int, currency: Currency) -> bool:
    """Whether a slip of the finger is likely: more than arrived, as far as the two can be compared."""
    if currency.is_bitcoin:
        return amount * MSAT_PER_SAT > invoice.received_msat
    paid = received_minor(invoice)
    return currency.code == invoice.currency and paid is not None and amount > paid
