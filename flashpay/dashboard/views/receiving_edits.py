"""Changing what takes payments already: a Lightning Address, a pay link, a bill."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.receiving_forms import AddressEditForm, PayLinkForm, PaymentRequestForm
from flashpay.invoices.models import LightningAddress, PayLink, PaymentRequest
from flashpay.invoices.offers import address_text, link_code, pay_lnurl
from flashpay.invoices.requests import request_paid
from flashpay.invoices.selectors import link_address
from flashpay.invoices.services import (
    lightning_address_archive,
    lightning_address_save,
    pay_link_change,
    payment_request_save,
)
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.papers import paper_choice
from flashpay.refusals import Refusal
from flashpay.stores import permissions


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def address_edit(request: StoreRequest, address_id: str) -> HttpResponse:
    """Change what an address takes and shows, or close it. Its name stays: payers have written it down."""
    address = get_object_or_404(LightningAddress, pk=address_id, store=request.store)
    form = AddressEditForm(request.POST or None, initial=AddressEditForm.shown(address))
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            with transaction.atomic():
                saved = lightning_address_save(
                    store=request.store,
                    name=address.name,
                    actor=str(request.user),
                    minimum_sat=typed["min"],
                    maximum_sat=typed["max"],
                    currency=typed["currency"],
                    comment_length=typed["comment_length"],
                    description=typed["description"],
                    invoice_metadata=typed["metadata"],
                )
                lightning_address_archive(address=saved, archived=typed["archived"], actor=str(request.user))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Saved. It holds for every payment from now on.")
            return redirect("dashboard:addresses", request.store.pk)
    lnurl = pay_lnurl(address)
    code = {
        "code": lnurl.bech32 if lnurl else "",
        "code_hint": "For wallets: whoever scans it chooses the amount and pays.",
        "copies": [address_text(address), *([lnurl.bech32] if lnurl else [])],
    }
    return _shown(
        request, form, nav="addresses", list_name="Lightning Addresses", heading=address_text(address), more=code
    )


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_PAYMENT_REQUESTS)
def pay_link_edit(request: StoreRequest, link_id: str) -> HttpResponse:
    """Change what a pay link is called and costs. Its address and code stay, and so do the invoices of its payers."""
    link = get_object_or_404(PayLink, pk=link_id, store=request.store, till=None)
    currency = currency_get(link.currency)
    initial = {
        "title": link.title,
        "description": link.description,
        "currency": link.currency,
        "amount": "" if link.amount is None else amount_plain(link.amount, currency),
    }
    form = PayLinkForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            pay_link_change(
                link=link,
                title=form.cleaned_data["title"],
                description=form.cleaned_data["description"],
                amount=form.cleaned_data["minor"],
                currency=currency_get(form.cleaned_data["currency"]),
                more_currencies=link.more_currencies,
                tip_percents=link.tip_percents,
                custom_tip=link.custom_tip,
                actor=str(request.user),
            )
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            messages.success(request, "Saved. Whoever opens the link from now on sees it so.")
            return redirect("dashboard:pay_links", request.store.pk)
    lnurl = pay_lnurl(link)
    code = {
        "code": link_code(link),
        "code_hint": "A phone's camera opens the page, a wallet pays at once.",
        "copies": [link_address(link), *([lnurl.bech32] if lnurl else [])],
        "poster": reverse("dashboard:pay_link_poster", args=[request.store.pk, link.pk]),
    }
    return _shown(request, form, nav="pay_links", list_name="Pay links", heading=link.title, more=code)


@require_GET
@store_page(permissions.VIEW_PAYMENT_REQUESTS)
def pay_link_poster(request: StoreRequest, link_id: str) -> HttpResponse:
    """The link as one page for the wall or the table."""
    link = get_object_or_404(PayLink, pk=link_id, store=request.store, till=None)
    context = {
        "link": link,
        "address": link_address(link),
        "code": link_code(link),
        **paper_choice(request.GET.get("paper", "")),
    }
    return store_render(request, "dashboard/pay_link_poster.html", context)


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_PAYMENT_REQUESTS)
def payment_request_edit(request: StoreRequest, request_id: str) -> HttpResponse:
    """Change a bill: its words and its day at any time, its amount while nothing was paid."""
    bill = get_object_or_404(PaymentRequest, pk=request_id, store=request.store)
    initial = {
        **{name: getattr(bill, name) for name in PaymentRequestForm.NAMES},
        "amount": amount_plain(bill.amount, currency_get(bill.currency)),
        "currency": bill.currency,
    }
    form = PaymentRequestForm(request.POST or None, initial=initial)
    if request_paid(bill):
        form.lock_amount()
    if request.method == "POST" and form.is_valid():
        try:
            payment_request_save(
                store=request.store,
                request=bill,
                amount=form.cleaned_data["minor"],
                currency=currency_get(form.cleaned_data["currency"]),
                actor=str(request.user),
                **form.service_fields(),
            )
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            messages.success(request, "Saved. Whoever opens the bill from now on sees it so.")
            return redirect("dashboard:payment_request", request.store.pk, bill.pk)
    return _shown(request, form, nav="payment_requests", list_name="Payment requests", heading=bill.title)


def _shown(
    request: StoreRequest,
    form: forms.Form,
    *,
    nav: str,
    list_name: str,
    heading: str,
    more: dict[str, Any] | None = None,
) -> HttpResponse:
    """The form of one thing, below the list that it is from: the one named `nav`. `more`: its code, where it has one."""
    context = {"nav": nav, "form": form, "heading": heading, "list_name": list_name, "list_view": f"dashboard:{nav}"}
    context |= more or {}
    return store_render(request, "dashboard/receiving_edit.html", context, status=422 if form.errors else 200)
