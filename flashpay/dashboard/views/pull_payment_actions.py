"""What a merchant may change about a pull payment that is handed out already: pause, end, amount, code."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from flashpay.dashboard.access import StoreRequest, store_page
from flashpay.dashboard.payout_forms import PullPaymentCodeForm, PullPaymentExtendForm, PullPaymentRaiseForm
from flashpay.money.amounts import amount_format
from flashpay.money.currencies import currency_get
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from payouts.models import PullPayment
from payouts.services import pull_payment_code_set, pull_payment_extend, pull_payment_pause, pull_payment_raise


def action_forms(pull_payment: PullPayment) -> dict[str, forms.Form]:
    """What the page's dialogs ask for, by action."""
    return {
        "extend": PullPaymentExtendForm(
            # Not ticked for one without an end, so that an end that is typed counts.
            initial={"expires_at": pull_payment.expires_at},
            auto_id="extend_%s",
        ),
        "raise": PullPaymentRaiseForm(
            currency=pull_payment.currency, initial={"seen": pull_payment.amount}, auto_id="raise_%s"
        ),
        "code": PullPaymentCodeForm(auto_id="code_%s"),
    }


@require_POST
@store_page(permissions.MANAGE_PULL_PAYMENTS)
def pull_payment_act(request: StoreRequest, pull_payment_id: str) -> HttpResponse:
    """Pause, resume, extend or raise one pull payment, or change its claim code."""
    shown = get_object_or_404(PullPayment, pk=pull_payment_id, store=request.store)
    try:
        if shown.archived_at:
            raise Refusal("archived", "This pull payment is archived; it cannot be changed any more.")
        messages.success(request, _done(request, shown))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return redirect("dashboard:pull_payment", request.store.pk, shown.pk)


def _done(request: StoreRequest, shown: PullPayment) -> str:
    """Do what was asked and say what was done. Raises Refusal; then nothing is changed."""
    actor = str(request.user)
    match request.POST.get("action"):
        case "pause":
            pull_payment_pause(pull_payment=shown, paused=True, actor=actor)
            return "Paused. Nobody can claim and nothing new is sent; what is in flight goes to its end."
        case "resume":
            pull_payment_pause(pull_payment=shown, paused=False, actor=actor)
            return "It goes on. Claims that waited are sent now."
        case "extend":
            ends = _typed(PullPaymentExtendForm(request.POST))["expires_at"]
            pull_payment_extend(pull_payment=shown, expires_at=ends, actor=actor)
            return "The end is changed." if ends else "It has no end any more."
        case "raise":
            return _raised(request, shown)
        case "code":
            code = _typed(PullPaymentCodeForm(request.POST))["claim_code"]
            pull_payment_code_set(pull_payment=shown, code=code, actor=actor)
            return "Claims need the new code from now on." if code else "The link alone is enough from now on."
    raise Refusal("invalid-action", "That is not something that can be done with a pull payment.")


def _raised(request: StoreRequest, shown: PullPayment) -> str:
    typed = _typed(PullPaymentRaiseForm(request.POST, currency=shown.currency))
    with transaction.atomic():
        held = PullPayment.objects.select_for_update().get(pk=shown.pk)
        if held.amount != typed["seen"]:
            raise Refusal(
                "changed", "The amount was changed meanwhile, so nothing was added now. Look at it and decide again."
            )
        pull_payment_raise(pull_payment=held, add=typed["minor"], actor=str(request.user))
    return f"{amount_format(typed['minor'], currency_get(shown.currency))} more can be claimed."


def _typed(form: forms.Form) -> dict[str, Any]:
    if form.is_valid():
        return form.cleaned_data
    named = {name: form.fields[name].label if name in form.fields else "" for name in form.errors}
    wrong = " ".join(f"{named[name] or 'Input'}: {' '.join(map(str, errors))}" for name, errors in form.errors.items())
    raise Refusal("invalid-input", f"{wrong} Nothing was changed.")
