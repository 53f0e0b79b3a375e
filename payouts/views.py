"""A recipient's pages: the claim page of a pull payment, and the page of each claim, live to its end."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import resolve, reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from flashpay.ids import token_new
from flashpay.languages import translated
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.public_pages import public_page, wants_fragment
from flashpay.refusals import Refusal
from flashpay.throttles import CLAIM, CLAIM_PAGE, throttled_page
from lnurl.wire.codec import lightning_link_encode
from payouts.forms import ClaimForm
from payouts.models import ENDED_PAYOUT_STATES, Payout, PayoutState, PullPayment
from payouts.selectors import (
    ClaimLimits,
    claim_find,
    claim_limits,
    claim_link,
    claims_shown,
    payout_receipt,
    pull_payment_find,
    pull_payment_lnurl,
    pull_payment_state,
)
from payouts.services import RaiseOffered, payout_claim, quote_make

# Without JavaScript a page that waits for news comes again this often.
REFRESH_S = 5
# Nothing can be claimed any more, and nothing will change that by itself.
CLOSED_STATES = frozenset({"Archived", "Expired", "Exhausted"})


# Exempt: whoever can make a browser send this knows the link's secret and could claim without the browser. In return a
# recipient needs no cookie, which the browsers inside chat programs often refuse.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("Accept")
@public_page
def claim(request: HttpRequest, pull_payment_id: str) -> HttpResponse:
    """Show how to claim; on POST claim with the pasted invoice. A wallet that follows the link gets its LNURL answer."""
    if _is_wallet(request):
        # Reached by its address, for the LNURL room stands above this one.
        found = resolve(reverse("lnurl:withdraw", args=[pull_payment_id]))
        answer: HttpResponse = found.func(request, *found.args, **found.kwargs)
        return answer
    return _claim(request, pull_payment_id=pull_payment_id)


@throttled_page(CLAIM_PAGE, posts=CLAIM, link="pull_payment_id")
def _claim(request: HttpRequest, pull_payment_id: str) -> HttpResponse:
    pull_payment = pull_payment_find(pull_payment_id)
    if pull_payment is None:
        raise Http404("no such pull payment")
    form = ClaimForm(currency_get(pull_payment.currency), request.POST or None)
    offer: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            claimed = payout_claim(
                pull_payment=pull_payment,
                destination=form.cleaned_data["destination"],
                amount=form.minor,
                claim_code=form.cleaned_data["claim_code"],
                claim_key=form.cleaned_data["request_key"],
                quote=form.cleaned_data["quote"],
            )
        except RaiseOffered as raised:
            offer = _offer(pull_payment, form, raised)
        except Refusal as refusal:
            form.refuse(refusal.code, refusal.sentence, refusal.field)
        except MoneyError as error:
            form.refuse(error.code, error.sentence)
        else:
            return redirect("payouts:payout", pull_payment.pk, claimed.pk)
        pull_payment.refresh_from_db()
    template = "payouts/_claim_live.html" if wants_fragment(request) else "payouts/claim.html"
    status = 422 if request.method == "POST" else 200
    page = _claim_page(pull_payment, form, timezone.now()) | {"offer": offer}
    return render(request, template, page, status=status)


@require_safe
@public_page
def payout(request: HttpRequest, pull_payment_id: str, payout_id: str) -> HttpResponse:
    """One claim, for whoever made it: where it stands, why it waits, and at the end the receipt."""
    shown = claim_find(pull_payment_id=pull_payment_id, payout_id=payout_id)
    if shown is None:
        raise Http404("no such claim")
    template = "payouts/_claim_payout_live.html" if wants_fragment(request) else "payouts/claim_payout.html"
    return render(request, template, _payout_page(shown))


def _is_wallet(request: HttpRequest) -> bool:
    """A program that wants LNURL rather than a page: it follows `?lightning=`, or asks for JSON, and reads no HTML (Q11)."""
    accepted = request.headers.get("Accept", "").lower()
    if request.method == "POST" or "text/html" in accepted:
        return False
    return "application/json" in accepted or any(name.lower() == "lightning" for name in request.GET)


def _claim_page(pull_payment: PullPayment, form: ClaimForm, now: datetime) -> dict[str, Any]:
    state = pull_payment_state(pull_payment, now)
    limits, why_not = _limits(pull_payment, now)
    bech32, uri = pull_payment_lnurl(pull_payment)
    claims = claims_shown(pull_payment)
    pending = any(each.state not in ENDED_PAYOUT_STATES for each in claims)
    final = state in CLOSED_STATES and not pending
    return {
        "pull_payment": pull_payment,
        "store": pull_payment.store,
        "state": state,
        "limits": limits,
        "why_not": why_not,
        "lnurl_bech32": bech32,
        "lnurl_uri": uri,
        "claim_link": claim_link(pull_payment),
        "web_link": lightning_link_encode(claim_link(pull_payment), bech32),
        "claims": claims,
        "form": form,
        "quote": quote_make(pull_payment=pull_payment, rate=limits.rate, now=now) if limits else None,
        # The same for every try of one form, so that sending it twice claims once.
        "request_key": form.data.get("request_key") or token_new(),
        "final": final,
        "refresh_s": 0 if final or form.is_bound else REFRESH_S,
        "version": _version(
            state, limits is not None, pull_payment.claimed, [(each.pk, each.state) for each in claims]
        ),
    }


def _offer(pull_payment: PullPayment, form: ClaimForm, raised: RaiseOffered) -> dict[str, Any]:
    """The smallest amount that can be paid, to be confirmed with one press: what was asked for, what is sent instead, and
    what it takes of what is left."""
    return {
        "asked": form.minor,
        "amount": raised.amount,
        "amount_msat": raised.amount_msat,
        "plain": amount_plain(raised.amount, form.currency),
        "left_after": pull_payment.remaining - raised.amount,
    }


def _limits(pull_payment: PullPayment, now: datetime) -> tuple[ClaimLimits | None, str]:
    """What may be claimed now, or the sentence that says why nothing may."""
    try:
        return claim_limits(pull_payment, now), ""
    except (Refusal, MoneyError) as refusal:
        return None, translated(refusal.sentence)


def _payout_page(shown: Payout) -> dict[str, Any]:
    receipt = payout_receipt(shown)
    preimage = receipt.preimage if receipt else ""
    # A completed one without its preimage looks on: the wallet's records show it a little later. One that was marked as
    # paid by hand has no attempt, and never gets one.
    has_all = bool(preimage) or receipt is None
    final = shown.state == PayoutState.CANCELLED or (shown.state == PayoutState.COMPLETED and has_all)
    return {
        "payout": shown,
        "pull_payment": shown.pull_payment,
        "store": shown.store,
        "receipt": receipt,
        "final": final,
        "refresh_s": 0 if final else REFRESH_S,
        "version": _version(shown.state, shown.reason, shown.needs_review, preimage),
    }


def _version(*parts: object) -> str:
    """A short mark that changes exactly when the page has something new to show."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
