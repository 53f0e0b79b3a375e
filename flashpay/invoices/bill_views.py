"""The pages of bills and pay links: what is to be paid, the LNURL that takes it, and a button to the checkout."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from flashpay.invoices.models import Invoice, PayLink, PaymentRequest
from flashpay.invoices.offers import pay_lnurl
from flashpay.invoices.requests import request_invoices, request_paid, request_state
from flashpay.invoices.services import pay_link_pay, payment_request_pay
from flashpay.money.amounts import amount_parse, amount_plain
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.public_pages import public_page, wants_fragment
from flashpay.refusals import Refusal

# Without JavaScript the page of a bill comes again this often, and so learns of a payment.
REFRESH_S = 10


# Exempt: the page holds no session that anybody could abuse; whoever can post here knows its link and may pay.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
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
            problem = error.sentence
    template = "invoices/_request_live.html" if wants_fragment(request) else "invoices/request.html"
    return render(request, template, _bill_page(bill, problem, text), status=422 if problem else 200)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
def pay_link(request: HttpRequest, link_id: str) -> HttpResponse:
    """A pay link. POST makes an invoice for this payer and leads to its checkout."""
    link = PayLink.objects.select_related("store").filter(pk=link_id).first()
    if link is None:
        raise Http404("no such link")
    problem, text = "", request.POST.get("amount", "").strip()
    if request.method == "POST":
        try:
            amount = amount_parse(text, currency_get(link.currency)) if link.amount is None else None
            return _to_checkout(pay_link_pay(link=link, amount=amount))
        except (Refusal, MoneyError) as error:
            problem = error.sentence
    page = {"link": link, "store": link.store, "lnurl": pay_lnurl(link), "problem": problem, "text": text}
    return render(request, "invoices/link.html", page, status=422 if problem else 200)


def _to_checkout(invoice: Invoice) -> HttpResponse:
    return redirect("invoices:checkout", invoice.pk)


def _bill_page(bill: PaymentRequest, problem: str, text: str) -> dict[str, Any]:
    now = timezone.now()
    state, paid = request_state(bill, now), request_paid(bill)
    due = max(bill.amount - paid, 0)
    open_now = state == "Pending" and not bill.archived and not bill.store.archived
    version = hashlib.sha256(repr((state, paid, bill.amount, bill.title, open_now)).encode()).hexdigest()[:16]
    return {
        "bill": bill,
        "store": bill.store,
        "state": state,
        "paid": paid,
        "due": due,
        "due_text": amount_plain(due, currency_get(bill.currency)),
        "open": open_now,
        "invoices": [invoice for invoice in request_invoices(bill) if invoice.received_msat],
        "lnurl": pay_lnurl(bill) if open_now else None,
        "problem": problem,
        "text": text,
        "refresh_s": REFRESH_S if open_now and not problem else 0,
        "version": version,
    }
