"""People who are paid again and again: listed, invited to register an address, paid."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard import selectors
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.forms import AmountForm
from flashpay.ids import id_new
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.selectors import wallet_active
from payouts.models import Payout, PayoutState
from payouts.recipients.models import Recipient
from payouts.recipients.services import (
    LONGEST_NAME,
    invitation_lnurl,
    recipient_archive,
    recipient_create,
    recipient_invite,
    recipient_pay,
)

PAGE_SIZE = 50


class RecipientForm(forms.Form):
    name = forms.CharField(max_length=LONGEST_NAME, help_text="Their wallet shows it when they scan.")


class PayForm(AmountForm):
    # Made with the page: the same form sent twice pays once.
    request_key = forms.CharField(widget=forms.HiddenInput, max_length=22)


@require_http_methods(["GET", "POST"])
@store_page(permissions.VIEW_PAYOUTS)
def recipients(request: StoreRequest) -> HttpResponse:
    form = RecipientForm(request.POST or None)
    may_pay = permissions.role_may(request.membership.role, permissions.MANAGE_PAYOUTS)
    if request.method == "POST" and may_pay and form.is_valid():
        try:
            made = recipient_create(store=request.store, name=form.cleaned_data["name"], actor=str(request.user))
        except Refusal as refusal:
            form.add_error("name", refusal.sentence)
        else:
            return redirect("dashboard:recipient", request.store.pk, made.pk)
    found = Recipient.objects.filter(store=request.store, archived_at=None)
    return store_render(
        request,
        "dashboard/recipients.html",
        {
            "nav": "recipients",
            "form": form,
            "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        },
        status=422 if form.errors else 200,
    )


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def recipient(request: StoreRequest, recipient_id: str) -> HttpResponse:
    return _shown(request, _recipient(request, recipient_id), None)


@require_POST
@store_page(permissions.MANAGE_PAYOUTS)
def recipient_payout(request: StoreRequest, recipient_id: str) -> HttpResponse:
    shown = _recipient(request, recipient_id)
    form = PayForm(request.POST)
    if form.is_valid():
        try:
            payout = recipient_pay(
                recipient=shown,
                amount=form.cleaned_data["minor"],
                currency=currency_get(form.cleaned_data["currency"]),
                request_key=form.cleaned_data["request_key"],
                actor=str(request.user),
            )
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            waits = payout.state == PayoutState.AWAITING_APPROVAL
            how = "waits for approval, as the payout rules say" if waits else "is on its way"
            messages.success(request, f"The payout to {shown.name} {how}.")
            return redirect("dashboard:payout", request.store.pk, payout.pk)
    return _shown(request, shown, form)


@require_POST
@store_page(permissions.MANAGE_PAYOUTS)
def recipient_act(request: StoreRequest, recipient_id: str) -> HttpResponse:
    """A new invitation, or the end."""
    shown = _recipient(request, recipient_id)
    if request.POST.get("action") == "archive":
        recipient_archive(recipient=shown, actor=str(request.user))
        messages.success(request, f"{shown.name} is archived. Payouts that were made stay on record.")
        return redirect("dashboard:recipients", request.store.pk)
    recipient_invite(recipient=shown, actor=str(request.user))
    messages.success(request, "Here is a new code. The one before is worth nothing any more.")
    return redirect("dashboard:recipient", request.store.pk, shown.pk)


def _recipient(request: StoreRequest, recipient_id: str) -> Recipient:
    return get_object_or_404(Recipient.objects.select_related("store"), pk=recipient_id, store=request.store)


def _shown(request: StoreRequest, shown: Recipient, form: PayForm | None) -> HttpResponse:
    may_pay = permissions.role_may(request.membership.role, permissions.MANAGE_PAYOUTS)
    return store_render(
        request,
        "dashboard/recipient.html",
        {
            "nav": "recipients",
            "recipient": shown,
            "lnurl": invitation_lnurl(shown) if may_pay and shown.is_invited(timezone.now()) else "",
            "form": form or PayForm(initial={"currency": request.store.default_currency, "request_key": id_new()}),
            "payouts": Payout.objects.filter(to_recipient__recipient=shown).order_by("-created_at")[:100],
            "events": selectors.timeline(store=request.store, entities={"recipient": [shown.pk]}),
            "wallet": wallet_active(request.store),
        },
        status=422 if form is not None and form.errors else 200,
    )
