"""A store's pull payments and payouts: listed, made, looked at, approved, cancelled, ended."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard import selectors
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.payout_forms import PayoutMarkPaidForm, PullPaymentForm
from flashpay.dashboard.success_words import said_after
from flashpay.dashboard.views.pull_payment_actions import action_forms
from flashpay.keyset import page_of
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.public_pages import wants_fragment
from flashpay.refusals import Refusal
from flashpay.spreadsheets import csv_response
from flashpay.stores import permissions
from flashpay.stores.selectors import wallet_active
from payouts.insight import payout_days
from payouts.insight import payouts_csv as csv_of
from payouts.models import Payout, PayoutState, PullPayment
from payouts.selectors import pull_payment_lnurl
from payouts.services import (
    payout_approve,
    payout_cancel,
    payout_decide,
    payout_mark_paid,
    payout_review_end,
    pull_payment_archive,
    pull_payment_create,
)
from payouts.services.codes import CODE_TRIES

PULL_PAYMENT_TABS = ["active", "future", "expired", "archived"]


@require_GET
@store_page(permissions.VIEW_PULL_PAYMENTS)
def pull_payments(request: StoreRequest) -> HttpResponse:
    tab = request.GET.get("tab", "active")
    found = selectors.pull_payments_found(store=request.store, tab=tab, now=timezone.now())
    return store_render(
        request,
        "dashboard/pull_payments.html",
        {
            "nav": "pull_payments",
            "page": page_of(found, request.GET),
            "tabs": PULL_PAYMENT_TABS,
            "tab": tab if tab in PULL_PAYMENT_TABS else "active",
            "wallet": wallet_active(request.store),
        },
    )


@require_http_methods(["GET", "POST"])
@store_page(permissions.CREATE_UNAPPROVED_PULL_PAYMENTS)
def pull_payment_new(request: StoreRequest) -> HttpResponse:
    form = PullPaymentForm(request.POST or None, initial={"currency": request.store.default_currency})
    if request.method == "POST" and form.is_valid():
        may_approve = permissions.role_may(request.membership.role, permissions.CREATE_PULL_PAYMENTS)
        if form.cleaned_data["auto_approve"] and not may_approve:
            raise PermissionDenied("Your role may only make pull payments whose claims wait for approval.")
        try:
            made = pull_payment_create(
                store=request.store,
                amount=form.cleaned_data["minor"],
                currency=currency_get(form.cleaned_data["currency"]),
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                auto_approve=form.cleaned_data["auto_approve"],
                starts_at=form.cleaned_data["starts_at"],
                expires_at=form.cleaned_data["expires_at"],
                terms=form.terms,
                claim_code=form.cleaned_data["claim_code"],
                actor=str(request.user),
            )
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            return redirect("dashboard:pull_payment", request.store.pk, made.pk)
    return store_render(
        request,
        "dashboard/pull_payment_create.html",
        {"nav": "pull_payments", "form": form, "wallet": wallet_active(request.store)},
        status=422 if form.errors else 200,
    )


@require_GET
@store_page(permissions.VIEW_PULL_PAYMENTS)
def pull_payment(request: StoreRequest, pull_payment_id: str) -> HttpResponse:
    shown = get_object_or_404(PullPayment, pk=pull_payment_id, store=request.store)
    lnurl = pull_payment_lnurl(shown)
    return store_render(
        request,
        "dashboard/pull_payment.html",
        {
            "nav": "pull_payments",
            "pull_payment": shown,
            "payouts": shown.payouts.order_by("-created_at")[:100],
            "lnurl": lnurl,
            "claim_link": settings.PUBLIC_URL + reverse("payouts:claim", args=[shown.pk]),
            "events": selectors.timeline(store=request.store, entities={"pullpayment": [shown.pk]}),
            "now": timezone.now(),
            "action_forms": action_forms(shown),
            "code_locked": shown.claim_code_failures >= CODE_TRIES,
        },
    )


@require_POST
@store_page(permissions.ARCHIVE_PULL_PAYMENTS)
def pull_payment_end(request: StoreRequest, pull_payment_id: str) -> HttpResponse:
    shown = get_object_or_404(PullPayment, pk=pull_payment_id, store=request.store)
    pull_payment_archive(pull_payment=shown, actor=str(request.user))
    messages.success(request, "The pull payment is archived. Claims that were not sent yet are cancelled.")
    return redirect("dashboard:pull_payment", request.store.pk, shown.pk)


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def payouts(request: StoreRequest) -> HttpResponse:
    state, text, found = _found(request)
    return store_render(
        request,
        "dashboard/payouts.html",
        {
            "nav": "payouts",
            "page": page_of(found, request.GET),
            "states": PayoutState.choices,
            "counts": selectors.payout_counts(store=request.store),
            "state": state,
            "q": text,
            "export_url": reverse("dashboard:payouts_csv", args=[request.store.pk]),
            # With the plain list alone: not with what was searched, and not whenever an open page looks again.
            **({} if request.GET or wants_fragment(request) else _days(request)),
        },
    )


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def payouts_csv(request: StoreRequest) -> StreamingHttpResponse:
    """Everything that the list would show, as a table for a spreadsheet."""
    _state, _text, found = _found(request)
    return csv_response(csv_of(found), f"payouts-{timezone.now():%Y-%m-%d}")


def _days(request: StoreRequest) -> dict[str, Any]:
    """The last days' figures, as the page draws them and as it writes them."""
    days = payout_days(store=request.store, now=timezone.now())
    names = ("claimed_msat", "paid_msat", "in_flight_msat", "failed")
    return {
        "days": days,
        "busy_days": [day for day in reversed(days) if not day.is_empty],
        "chart": [{"date": day.date, "in_msat": day.claimed_msat, "out_msat": day.paid_msat} for day in days],
        "figures": {name: sum(getattr(day, name) for day in days) for name in names},
    }


def _found(request: StoreRequest) -> tuple[str, str, QuerySet[Payout]]:
    """The tab, the words, and the payouts they mean."""
    state, text = request.GET.get("state", ""), request.GET.get("q", "").replace("\0", "").strip()
    return state, text, selectors.payouts_found(store=request.store, state=state, text=text)


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def payout(request: StoreRequest, payout_id: str) -> HttpResponse:
    # Without the table that it may be a row of: that can be megabytes.
    found = Payout.objects.select_related("pull_payment", "in_batch__batch").defer("in_batch__batch__rows")
    shown = get_object_or_404(found, pk=payout_id, store=request.store)
    attempts = list(shown.attempts.prefetch_related("evidence"))
    return store_render(
        request,
        "dashboard/payout.html",
        {
            "nav": "payouts",
            "payout": shown,
            "attempts": [(attempt, said_after(attempt)) for attempt in attempts],
            "mark_paid_form": PayoutMarkPaidForm(auto_id="mark_paid_%s"),
            "events": selectors.timeline(
                store=request.store,
                entities={"payout": [shown.pk], "payoutattempt": [str(attempt.pk) for attempt in attempts]},
            ),
        },
    )


@require_POST
@store_page(permissions.MANAGE_PAYOUTS)
def payout_act(request: StoreRequest, payout_id: str) -> HttpResponse:
    """Approve or cancel one payout, say that it was paid in another way, decide about one in doubt, or
    say what was found about an ended one."""
    shown = get_object_or_404(Payout, pk=payout_id, store=request.store)
    try:
        match request.POST.get("action"):
            case "approve":
                sent = payout_approve(payout=shown, actor=str(request.user), user=request.user)
                on = "and on its way" if sent else "by you; a second person has to approve it too"
                messages.success(request, f"The payout is approved {on}.")
            case "cancel":
                reason = request.POST.get("reason", "").strip() or "Cancelled by the shop."
                payout_cancel(payout=shown, reason=reason, actor=str(request.user))
                messages.success(request, "The payout is cancelled. Nothing was sent.")
            case "mark_paid":
                payout_mark_paid(payout=shown, reason=request.POST.get("reason", ""), actor=str(request.user))
                messages.success(request, "The payout is marked as paid. FlashPay sends nothing more for it.")
            case "looked":
                payout_review_end(payout=shown, reason=request.POST.get("reason", ""), actor=str(request.user))
                messages.success(request, "What you found is on record. Nothing was changed about the payout.")
            case "paid" | "not_paid" as verdict:
                done = payout_decide(
                    payout=shown, user=request.user, verdict=verdict, reason=request.POST.get("reason", "")
                )
                carried = "It is carried out." if done else "A second person has to decide the same."
                messages.success(request, f"Your decision is on record. {carried}")
            case _:
                raise Refusal("invalid-action", "That is not something that can be done with a payout.")
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return redirect("dashboard:payout", request.store.pk, shown.pk)
