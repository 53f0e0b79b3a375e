"""The pages of bills and pay links: what is to be paid, the LNURL that takes it, and a button to the checkout."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from flashpay.invoices.keypad import keyed_read, keypad_page
from flashpay.invoices.models import Invoice, PayLink, PaymentRequest
from flashpay.invoices.offers import pay_lnurl, prices_of
from flashpay.invoices.requests import request_standing
from flashpay.invoices.services import pay_link_pay, payment_request_pay
from flashpay.languages import translated
from flashpay.money.amounts import amount_parse, amount_plain
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.public_pages import public_page, wants_fragment
from flashpay.refusals import Refusal
from flashpay.throttles import CHECKOUT_PAGE, PAY_LINK, throttled_page

# Without JavaScript the page of a bill comes again this often, and so learns of a payment.
REFRESH_S = 10


# Exempt: the page holds no session that anybody could abuse; whoever can post here knows its link and may pay.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
@gzip_page
def payment_request(request: HttpRequest, request_id: str) -> HttpResponse:
    """A bill. POST makes the invoice over what the payer wants to pay of it and leads to its checkout."""
    bill = PaymentRequest.objects.select_related("store").filter(pk=request_id).first()
    if bill is None:
        raise Http404("no such bill")
    problem, text = "", request.POST.get("amount", "").strip()
    if request.method == "POST":
        try:
            amount = amount_parse(text, currency_get(bill.currency)) if text and bill.allow_parts else None
            return _to_checkout(payment_request_pay(request=bill, amount=amount))
        except (Refusal, MoneyError) as error:
            problem = translated(error.sentence)
    template = "invoices/_request_live.html" if wants_fragment(request) else "invoices/request.html"
    return render(request, template, _bill_page(bill, problem, text), status=422 if problem else 200)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
@throttled_page(CHECKOUT_PAGE, posts=PAY_LINK, link="link_id")
@gzip_page
def pay_link(request: HttpRequest, link_id: str) -> HttpResponse:
    """A pay link. POST makes an invoice for this payer, over what they keyed in on an open one, and leads to its checkout."""
    link = _link(link_id)
    problem = field = ""
    if request.method == "POST":
        try:
            keyed = keyed_read(request.POST, link) if link.amount is None else None
            return _to_checkout(pay_link_pay(link=link, keyed=keyed))
        except (Refusal, MoneyError) as error:
            problem, field = translated(error.sentence), getattr(error, "field", "")
    page: dict[str, Any] = {"link": link, "store": link.store, "lnurl": pay_lnurl(link), "problem": problem}
    if link.amount is None:
        page["keypad"] = keypad_page(link=link, typed=request.POST, problem=problem, field=field)
    return render(request, "invoices/link.html", page, status=422 if problem else 200)


@require_safe
@public_page
@throttled_page(CHECKOUT_PAGE)
def pay_link_prices(request: HttpRequest, link_id: str) -> HttpResponse:
    """What a bitcoin costs in the link's currencies, for the amount beside the amount on its keypad."""
    return JsonResponse(prices_of(_link(link_id)))


def _link(link_id: str) -> PayLink:
    link = PayLink.objects.select_related("store").filter(pk=link_id).first()
    if link is None:
        raise Http404("no such link")
    return link


def _to_checkout(invoice: Invoice) -> HttpResponse:
    return redirect("invoices:checkout", invoice.pk)


def _bill_page(bill: PaymentRequest, problem: str, text: str) -> dict[str, Any]:
    standing = request_standing(bill, timezone.now())
    state, paid = standing.state, standing.paid
    open_now = state == "Pending" and not bill.archived and not bill.store.archived
    version = hashlib.sha256(repr((state, paid, bill.amount, bill.title, open_now)).encode()).hexdigest()[:16]
    return {
        "bill": bill,
        "store": bill.store,
        "state": state,
        "paid": paid,
        "due": standing.due,
        "due_text": amount_plain(standing.due, currency_get(bill.currency)),
        "open": open_now,
        "invoices": [invoice for invoice in standing.invoices if invoice.received_msat],
        "lnurl": pay_lnurl(bill) if open_now else None,
        "problem": problem,
        "text": text,
        "refresh_s": REFRESH_S if open_now and not problem else 0,
        "version": version,
    }
