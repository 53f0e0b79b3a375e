"""Ways to be paid without making an invoice first: the store's own code, Lightning Addresses, pay links; and bills."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard import selectors
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.receiving_forms import AddressForm, PayLinkForm, PaymentRequestForm
from flashpay.invoices.models import LightningAddress, PayLink, PaymentRequest
from flashpay.invoices.offers import address_host, address_text, pay_lnurl
from flashpay.invoices.requests import request_standing, request_state, requests_paid
from flashpay.invoices.selectors import link_address, request_link
from flashpay.invoices.services import (
    lightning_address_delete,
    lightning_address_save,
    pay_link_archive,
    pay_link_create,
    payment_request_archive,
    payment_request_save,
)
from flashpay.keyset import page_of
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.permissions import role_may
from flashpay.stores.selectors import wallet_active

PAGE_SIZE = 25


@require_http_methods(["GET", "POST"])
@store_page(permissions.VIEW_INVOICES)
def addresses(request: StoreRequest) -> HttpResponse:
    """The store's own code and its Lightning Addresses; POST makes one."""
    form = AddressForm(request.POST or None)
    if request.method == "POST":
        if not role_may(request.membership.role, permissions.MODIFY_STORE):
            raise PermissionDenied("Your role in this store does not include Lightning Addresses.")
        if form.is_valid():
            try:
                made = _address_make(request, form)
            except Refusal as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, f"{address_text(made)} takes payments now.")
                return redirect("dashboard:addresses", request.store.pk)
    context = {
        "nav": "addresses",
        "form": form,
        "host": address_host(),
        "addresses": LightningAddress.objects.filter(store=request.store),
        "store_lnurl": pay_lnurl(request.store),
        "wallet": wallet_active(request.store),
    }
    return store_render(request, "dashboard/addresses.html", context, status=422 if form.errors else 200)


def _address_make(request: StoreRequest, form: AddressForm) -> LightningAddress:
    typed = form.cleaned_data
    if LightningAddress.objects.filter(store=request.store, name=typed["username"].strip().lower()).exists():
        raise Refusal("address-taken", "Your store has this address already.", field="username")
    return lightning_address_save(
        store=request.store,
        name=typed["username"],
        actor=str(request.user),
        minimum_sat=typed["min"],
        maximum_sat=typed["max"],
        currency=typed["currency"],
        comment_length=typed["comment_length"],
        description=typed["description"],
        invoice_metadata=typed["metadata"],
    )


@require_POST
@store_page(permissions.MODIFY_STORE)
def address_delete(request: StoreRequest, address_id: str) -> HttpResponse:
    address = get_object_or_404(LightningAddress, pk=address_id, store=request.store)
    lightning_address_delete(address=address, actor=str(request.user))
    messages.success(request, f"{address_text(address)} is given up. What it received stays on record.")
    return redirect("dashboard:addresses", request.store.pk)


@require_http_methods(["GET", "POST"])
@store_page(permissions.VIEW_PAYMENT_REQUESTS)
def pay_links(request: StoreRequest) -> HttpResponse:
    """The store's pay links; POST makes one."""
    form = PayLinkForm(request.POST or None, initial={"currency": request.store.default_currency})
    if request.method == "POST":
        if not role_may(request.membership.role, permissions.MODIFY_PAYMENT_REQUESTS):
            raise PermissionDenied("Your role in this store does not include pay links.")
        if form.is_valid():
            try:
                pay_link_create(
                    store=request.store,
                    title=form.cleaned_data["title"],
                    description=form.cleaned_data["description"],
                    amount=form.cleaned_data["minor"],
                    currency=currency_get(form.cleaned_data["currency"]),
                    actor=str(request.user),
                )
            except (Refusal, MoneyError) as error:
                form.refuse(error)
            else:
                messages.success(request, "The link takes payments now.")
                return redirect("dashboard:pay_links", request.store.pk)
    # A till's own link is switched on and off where the till is.
    links = PayLink.objects.filter(store=request.store, till=None).order_by("archived", "-created_at")
    page = Paginator(links, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [{"link": link, "address": link_address(link)} for link in page.object_list]
    context = {"nav": "pay_links", "form": form, "page": page, "rows": rows}
    return store_render(request, "dashboard/pay_links.html", context, status=422 if form.errors else 200)


@require_POST
@store_page(permissions.MODIFY_PAYMENT_REQUESTS)
def pay_link_close(request: StoreRequest, link_id: str) -> HttpResponse:
    """Close a pay link, or open it again."""
    link = get_object_or_404(PayLink, pk=link_id, store=request.store, till=None)
    pay_link_archive(link=link, archived=request.POST.get("archived") == "1", actor=str(request.user))
    messages.success(request, "The link is closed." if link.archived else "The link is open again.")
    return redirect("dashboard:pay_links", request.store.pk)


@require_GET
@store_page(permissions.VIEW_PAYMENT_REQUESTS)
def payment_requests(request: StoreRequest) -> HttpResponse:
    archived, text = request.GET.get("tab") == "archived", request.GET.get("q", "").strip()
    found = selectors.requests_found(store=request.store, archived=archived, text=text)
    page = page_of(found, request.GET)
    now = timezone.now()
    paid = requests_paid(page.object_list)
    rows = [
        {"bill": bill, "state": request_state(bill, now, paid=paid[bill.pk]), "paid": paid[bill.pk]}
        for bill in page.object_list
    ]
    context = {"nav": "payment_requests", "page": page, "rows": rows, "archived": archived, "q": text}
    return store_render(request, "dashboard/payment_requests.html", context)


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_PAYMENT_REQUESTS)
def payment_request_new(request: StoreRequest) -> HttpResponse:
    form = PaymentRequestForm(request.POST or None, initial={"currency": request.store.default_currency})
    if request.method == "POST" and form.is_valid():
        try:
            made = payment_request_save(
                store=request.store,
                amount=form.cleaned_data["minor"],
                currency=currency_get(form.cleaned_data["currency"]),
                actor=str(request.user),
                **form.service_fields(),
            )
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            return redirect("dashboard:payment_request", request.store.pk, made.pk)
    context = {"nav": "payment_requests", "form": form, "wallet": wallet_active(request.store)}
    return store_render(request, "dashboard/payment_request_create.html", context, status=422 if form.errors else 200)


@require_GET
@store_page(permissions.VIEW_PAYMENT_REQUESTS)
def payment_request(request: StoreRequest, request_id: str) -> HttpResponse:
    bill = get_object_or_404(PaymentRequest, pk=request_id, store=request.store)
    standing = request_standing(bill, timezone.now())
    context = {
        "nav": "payment_requests",
        "bill": bill,
        "state": standing.state,
        "paid": standing.paid,
        "due": standing.due,
        "link": request_link(bill),
        "invoices": standing.invoices,
        "events": selectors.timeline(store=request.store, entities={"paymentrequest": [bill.pk]}),
    }
    return store_render(request, "dashboard/payment_request.html", context)


@require_POST
@store_page(permissions.MODIFY_PAYMENT_REQUESTS)
def payment_request_hide(request: StoreRequest, request_id: str) -> HttpResponse:
    """Archive a bill, or offer it again."""
    bill = get_object_or_404(PaymentRequest, pk=request_id, store=request.store)
    payment_request_archive(request=bill, archived=request.POST.get("archived") == "1", actor=str(request.user))
    messages.success(request, "The bill is archived." if bill.archived else "The bill can be paid again.")
    return redirect("dashboard:payment_request", request.store.pk, bill.pk)
