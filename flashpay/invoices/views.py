"""A payer's pages: the checkout, which shows a living payment code for as long as it is watched, and the receipt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from flashpay.invoices.card_words import CardNews, card_news
from flashpay.invoices.models import Invoice, InvoiceState, InvoiceType, LightningInvoice
from flashpay.invoices.offers import LARGEST_SAT, SMALLEST_SAT, msat_of, pay_lnurl
from flashpay.invoices.selectors import (
    checkout_link,
    invoice_due_msat,
    invoice_find,
    invoice_payments,
    invoice_state_now,
)
from flashpay.invoices.services import card_present, lightning_invoice_before, lightning_invoice_issue
from flashpay.invoices.services.codes import LAST_MOMENTS, SHORTEST_LIFE, LeftForWallets
from flashpay.languages import amount_in_language, language_propose, translated
from flashpay.money.amounts import MSAT_PER_SAT, amount_parse, msat_format
from flashpay.money.currencies import SAT, currency_get
from flashpay.money.errors import MoneyError
from flashpay.public_pages import only_glances, public_page, wants_fragment
from flashpay.refusals import Refusal
from flashpay.throttles import CARD, CHECKOUT_PAGE, throttle_check, throttled_page

# When the page asks again after a refusal that names no time of its own.
RETRY_S = 5
# A page counts whole seconds and may come early; asked before its time, the server would show the same code once more.
RENEW_SLACK = timedelta(seconds=2)
# Without JavaScript the page comes again this often, and so learns of a payment.
REFRESH_S = 5


@dataclass(frozen=True)
class Code:
    """What stands in the place of the payment code: the code, or why there is none and when to look again.

    Both where the next code is late and the one before can still be paid.
    """

    shown: LightningInvoice | None = None
    sentence: str = ""
    retry_s: int = RETRY_S
    # Whether waiting will help by itself; otherwise the shop has to do something.
    soon: bool = True
    # Whether the LNURL is the better way now: it costs no code before somebody really pays.
    lnurl_first: bool = False
    # How it stands with a card that was held to the invoice.
    card: CardNews | None = None


@dataclass(frozen=True)
class Choice:
    """What the payer of a top-up invoice chose: nothing yet, an amount, or something that is none."""

    text: str = ""
    unit: str = SAT.code
    amount_msat: int | None = None
    problem: str = ""


# A QR code drawn as SVG packs well, and a cheap phone pays for each byte. Nothing secret stands beside what a stranger could
# write into these pages, so their length tells nothing.
@require_safe
@public_page
@throttled_page(CHECKOUT_PAGE)
@gzip_page
def checkout(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """Show how to pay, or how it went. A GET by a person issues a payment code where none lives; nothing else does.

    With `?tab=lnurl` it shows the LNURL instead, which never changes and issues nothing before a wallet asks.
    """
    return _checkout(request, invoice_id, "invoices/checkout.html")


# The one page that other sites may show in a frame (docs/embedding.md): no session, no cookie, nothing to click that costs
# anybody anything, and its reader pays with a wallet that shows for itself what it pays.
@csp_replace({"frame-ancestors": ["*"]})
@xframe_options_exempt
@require_safe
@public_page
@throttled_page(CHECKOUT_PAGE)
@gzip_page
def embedded(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """The same for a frame inside a merchant's page: compact, and telling that page how things stand (`embed.js`)."""
    return _checkout(request, invoice_id, "invoices/embedded.html")


def _checkout(request: HttpRequest, invoice_id: str, whole: str) -> HttpResponse:
    invoice = _find(request, invoice_id)
    choice = _choice(request.GET, invoice)
    wants_code = request.GET.get("tab") != "lnurl" and (invoice.type == InvoiceType.STANDARD or choice.amount_msat)
    page = checkout_now(request, invoice, wants_code=bool(wants_code), amount_msat=choice.amount_msat)
    page |= {"choice": choice, "embedded": whole != "invoices/checkout.html"}
    return render(request, "invoices/_checkout_live.html" if wants_fragment(request) else whole, page)


# Exempt: the page holds no session that anybody could abuse; whoever can post here knows the invoice's link and may pay.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
def card(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """POST `lnurlw`: what a card, a scanner or a paste brought. A worker asks the card; the checkout shows how it goes.

    A script (X-Fragment: 1) gets the form again, with what was wrong or emptied; everybody else is led to the checkout.
    """
    invoice = _find(request, invoice_id)
    text, choice = request.POST.get("lnurlw", ""), _choice(request.POST, invoice)
    problem, status = "", 200
    if request.method == "POST":
        try:
            throttle_check(CARD, request, invoice_id)
            card_present(invoice=invoice, text=text, amount_msat=choice.amount_msat)
        except Refusal as refusal:
            problem, status = translated(refusal.sentence), 429 if refusal.code == "too-many" else 422
    page = {"invoice": invoice, "choice": choice, "card_problem": problem, "card_text": text if problem else ""}
    if wants_fragment(request):
        return render(request, "invoices/_card_form.html", page, status=status)
    if not problem:
        chosen = f"?{urlencode({'amount': choice.text, 'unit': choice.unit})}" if choice.amount_msat else ""
        return redirect(reverse("invoices:checkout", args=[invoice.pk]) + chosen)
    now = timezone.now()
    # Without a refresh: somebody reads what was wrong, and this address is no page of its own.
    page |= _page(invoice, invoice_state_now(invoice, now), Code(lnurl_first=True), now) | {"refresh_s": 0}
    return render(request, "invoices/checkout.html", page, status=status)


@require_safe
@public_page
@gzip_page
def receipt(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """The receipt of whatever arrived; without any payment there is none, and the checkout says how things stand."""
    invoice = _find(request, invoice_id)
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


def _find(request: HttpRequest, invoice_id: str) -> Invoice:
    invoice = invoice_find(invoice_id)
    if invoice is None:
        raise Http404("no such invoice")
    language_propose(request, invoice.language)
    return invoice


def _choice(sent: QueryDict, invoice: Invoice) -> Choice:
    """The amount that the payer of a top-up invoice typed, `unit` being sats or the invoice's own currency."""
    text, unit = sent.get("amount", "").strip()[:48], sent.get("unit", SAT.code)
    if invoice.type != InvoiceType.TOP_UP or not text:
        return Choice(unit=SAT.code if currency_get(invoice.currency).is_bitcoin else invoice.currency)
    if unit not in (SAT.code, invoice.currency):
        unit = SAT.code
    try:
        amount_msat = msat_of(amount_parse(text, currency_get(unit)), unit)
    except MoneyError as error:
        return Choice(text, unit, problem=translated(error.sentence))
    least_msat, most_msat = SMALLEST_SAT * MSAT_PER_SAT, LARGEST_SAT * MSAT_PER_SAT
    if not least_msat <= amount_msat <= most_msat:
        least, most = (amount_in_language(msat_format(each)) for each in (least_msat, most_msat))
        limits = {"least": least, "most": most}
        return Choice(text, unit, problem=_("Here you can pay from %(least)s to %(most)s.") % limits)
    return Choice(text, unit, amount_msat)


def checkout_now(
    request: HttpRequest, invoice: Invoice, *, wants_code: bool = True, amount_msat: int | None = None
) -> dict[str, Any]:
    """What the living part of a checkout is rendered from, on its own page and on a till's screen.

    Where somebody looks who `wants_code`, Flash makes one if none lives. `amount_msat`: what the payer of a top-up chose.
    """
    now = timezone.now()
    state = invoice_state_now(invoice, now)
    code = Code(lnurl_first=True)
    if state == InvoiceState.NEW and not wants_code:
        code = Code(lnurl_first=True, card=card_news(invoice, now))
    elif state == InvoiceState.NEW and not only_glances(request):
        code = _code_now(invoice, amount_msat, now)
        if code.shown is None:
            # The wait may have been long: somebody paid, or its time ran out.
            invoice.refresh_from_db()
            now = timezone.now()
            state = invoice_state_now(invoice, now)
    return _page(invoice, state, code, now)


def _code_now(invoice: Invoice, amount_msat: int | None, now: datetime) -> Code:
    """The code to show now, made by Flash where none lives, or in words why there is none.

    While a card may be paying none is shown: the two together could be paid twice.
    """
    news = card_news(invoice, now)
    return Code(card=news) if news and news.waits else replace(_code_made(invoice, amount_msat), card=news)


def _code_made(invoice: Invoice, amount_msat: int | None) -> Code:
    try:
        return Code(lightning_invoice_issue(invoice=invoice, amount_msat=amount_msat))
    except MoneyError as error:
        trouble = Code(sentence=f"{translated(error.sentence)} {_('Nothing was paid.')}")
    except Refusal as refusal:
        trouble = _no_code(
            refusal, works_at_once=isinstance(refusal, LeftForWallets) and pay_lnurl(invoice) is not None
        )
        if refusal.code == "invoice-not-payable":
            return trouble
    if not trouble.soon:
        return trouble
    # The next code is late. The one before is no worse than it was, and a page that loses it for a moment only frightens.
    before = lightning_invoice_before(invoice=invoice, amount_msat=amount_msat)
    return replace(trouble, shown=before, lnurl_first=False) if before else trouble


def _no_code(refusal: Refusal, *, works_at_once: bool) -> Code:
    """Why there is no code. `works_at_once`: whether the LNURL, which can be shown instead, is good for one."""
    retry_s = refusal.retry_after_s or RETRY_S
    if refusal.code == "wallet-not-connected":
        sentence = _("The shop cannot take payments at the moment: its wallet is not connected. Please tell the shop.")
        return Code(sentence=f"{sentence} {_('Nothing was paid.')}", soon=False)
    if refusal.code == "code-coming":
        return Code(sentence=_("Your payment code is being made. One moment."), retry_s=retry_s)
    if refusal.code == "must-wait" and works_at_once:
        sentence = _(
            "Many people are paying here at this moment. Scan this code, which works at once; the usual one follows."
        )
        return Code(sentence=sentence, retry_s=retry_s, lnurl_first=True)
    if refusal.code == "must-wait":
        sentence = _("Many people are paying here at this moment. Your payment code comes by itself.")
        return Code(sentence=f"{sentence} {_('Nothing was paid.')}", retry_s=retry_s)
    sentence = _("The shop's wallet gives no payment code at the moment. This page tries again by itself.")
    return Code(sentence=f"{sentence} {_('Nothing was paid.')}", retry_s=retry_s)


def _page(invoice: Invoice, state: str, code: Code, now: datetime) -> dict[str, Any]:
    final = state in (InvoiceState.SETTLED, InvoiceState.INVALID)
    closed = state == InvoiceState.NEW and invoice.store.archived
    if closed:
        sentence = f"{_('This shop is closed at the moment.')} {_('Nothing was paid.')}"
        code = Code(sentence=sentence, soon=False, card=code.card)
    shown = code.shown
    return {
        "invoice": invoice,
        "store": invoice.store,
        "state": state,
        "code": shown,
        "trouble": code,
        "card": code.card,
        "card_waits": code.card is not None and code.card.waits and not code.lnurl_first,
        "lnurl": pay_lnurl(invoice) if state == InvoiceState.NEW and not closed else None,
        "units": [SAT.code, *([] if currency_get(invoice.currency).is_bitcoin else [invoice.currency])],
        "due_msat": invoice_due_msat(invoice),
        # A dollar amount beside an amount in sats: what Flash was asked for, at its own rate.
        "asked_cents": int(shown.asked_cents.to_integral_value())
        if shown and invoice.currency in ("SAT", "BTC")
        else None,
        "renews_at": _renews_at(code, now),
        # The whole of the time that `renews_at` ends.
        "renews_of_s": (shown.expires_at - shown.created_at - SHORTEST_LIFE + RENEW_SLACK).seconds if shown else 0,
        "final": final,
        "refresh_s": 0 if final or state == InvoiceState.EXPIRED else max(REFRESH_S, 0 if shown else code.retry_s),
        "version": _version(invoice, state, code, now),
    }


def _renews_at(code: Code, now: datetime) -> datetime:
    """When the page looks for the next code: while this one can still be paid, and where that is late, or there is none, again."""
    # A second more, for the page counts whole ones.
    again = now + timedelta(seconds=code.retry_s + 1)
    if code.shown is None:
        return again
    if code.sentence:
        return min(again, code.shown.expires_at - LAST_MOMENTS + RENEW_SLACK)
    return code.shown.expires_at - SHORTEST_LIFE + RENEW_SLACK


def _version(invoice: Invoice, state: str, code: Code, now: datetime) -> str:
    """Changes exactly when the page has something new to show; a page whose code is late always has, its wait begins again."""
    shown: object = code.shown.pk if code.shown else ""
    if state == InvoiceState.NEW and (code.shown is None or code.sentence):
        shown = f"{shown}@{now.timestamp()}" if code.sentence or not code.lnurl_first else "lnurl"
    card = f"/{code.card.version}" if code.card else ""
    return f"{state}/{invoice.additional_state}/{invoice.credited_msat}/{shown}{card}"
