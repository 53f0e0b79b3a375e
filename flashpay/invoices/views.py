"""A payer's pages: the checkout, which shows a living payment code for as long as it is watched, and the receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from flashpay.invoices.models import Invoice, InvoiceState, LightningInvoice
from flashpay.invoices.selectors import (
    checkout_link,
    invoice_due_msat,
    invoice_find,
    invoice_payments,
    invoice_state_now,
)
from flashpay.invoices.services import lightning_invoice_issue
from flashpay.invoices.services.codes import SHORTEST_LIFE
from flashpay.money.errors import MoneyError
from flashpay.public_pages import only_glances, public_page, wants_fragment
from flashpay.refusals import Refusal

# When the page asks again after a refusal that names no time of its own.
RETRY_S = 5
# A page counts whole seconds and may come early; asked before its time, the server would show the same code once more.
RENEW_SLACK = timedelta(seconds=2)
# Without JavaScript the page comes again this often, and so learns of a payment.
REFRESH_S = 5


@dataclass(frozen=True)
class Code:
    """What stands in the place of the payment code: the code, or why there is none and when to look again."""

    shown: LightningInvoice | None = None
    sentence: str = ""
    retry_s: int = RETRY_S
    # Whether waiting will help by itself; otherwise the shop has to do something.
    soon: bool = True


@require_safe
@public_page
def checkout(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """Show how to pay, or how it went. A GET by a person issues a payment code where none lives; nothing else does."""
    invoice = _find(invoice_id)
    now = timezone.now()
    state = invoice_state_now(invoice, now)
    code = Code()
    if state == InvoiceState.NEW and not only_glances(request):
        code = _code(invoice)
        if code.shown is None:
            # The wait may have been long: somebody paid, or its time ran out.
            invoice.refresh_from_db()
            now = timezone.now()
            state = invoice_state_now(invoice, now)
    template = "invoices/_checkout_live.html" if wants_fragment(request) else "invoices/checkout.html"
    return render(request, template, _checkout_page(invoice, state, code, now))


@require_safe
@public_page
def receipt(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """The receipt of whatever arrived; without any payment there is none, and the checkout says how things stand."""
    invoice = _find(invoice_id)
    payments = list(invoice_payments(invoice))
    if not payments:
        return redirect("invoices:checkout", invoice.pk)
    page = {
        "invoice": invoice,
        "store": invoice.store,
        "payments": payments,
        "due_msat": invoice_due_msat(invoice),
        "checkout_link": checkout_link(invoice),
    }
    return render(request, "invoices/receipt.html", page)


def _find(invoice_id: str) -> Invoice:
    invoice = invoice_find(invoice_id)
    if invoice is None:
        raise Http404("no such invoice")
    return invoice


def _code(invoice: Invoice) -> Code:
    try:
        return Code(lightning_invoice_issue(invoice=invoice))
    except MoneyError as error:
        return Code(sentence=f"{error.sentence} {_('Nothing was paid.')}")
    except Refusal as refusal:
        retry_s = refusal.retry_after_s or RETRY_S
        if refusal.code == "wallet-not-connected":
            sentence = _(
                "The shop cannot take payments at the moment: its wallet is not connected. Please tell the shop."
            )
            return Code(sentence=f"{sentence} {_('Nothing was paid.')}", soon=False)
        if refusal.code == "code-coming":
            return Code(sentence=_("Your payment code is being made. One moment."), retry_s=retry_s)
        sentence = _("The shop's wallet gives no payment code at the moment. This page tries again by itself.")
        return Code(sentence=f"{sentence} {_('Nothing was paid.')}", retry_s=retry_s)


def _checkout_page(invoice: Invoice, state: str, code: Code, now: datetime) -> dict[str, Any]:
    final = state in (InvoiceState.SETTLED, InvoiceState.INVALID)
    shown = code.shown
    return {
        "invoice": invoice,
        "store": invoice.store,
        "state": state,
        "code": shown,
        "trouble": code,
        "due_msat": invoice_due_msat(invoice),
        # A dollar amount beside an amount in sats: what Flash was asked for, at its own rate.
        "asked_cents": int(shown.asked_cents.to_integral_value())
        if shown and invoice.currency in ("SAT", "BTC")
        else None,
        # The page asks for the next code while this one can still be paid.
        "renews_at": shown.expires_at - SHORTEST_LIFE + RENEW_SLACK if shown else None,
        "final": final,
        "refresh_s": 0 if final or state == InvoiceState.EXPIRED else max(REFRESH_S, 0 if shown else code.retry_s),
        "version": _version(invoice, state, code, now),
    }


def _version(invoice: Invoice, state: str, code: Code, now: datetime) -> str:
    """Changes exactly when the page has something new to show; a page without a code always has, its wait begins again."""
    shown: object = code.shown.pk if code.shown else ""
    if state == InvoiceState.NEW and code.shown is None:
        shown = now.timestamp()
    return f"{state}/{invoice.additional_state}/{invoice.credited_msat}/{shown}"
