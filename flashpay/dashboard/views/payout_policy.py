"""How a store pays out: its rules, and the switch that stops its sending."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.payout_forms import PayoutPolicyForm
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from payouts.services import payout_policy_update, policy_of, store_payouts_pause


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def payout_rules(request: StoreRequest) -> HttpResponse:
    policy = policy_of(request.store)
    form = PayoutPolicyForm(request.POST or None, initial=PayoutPolicyForm.shown(policy))
    if request.method == "POST" and form.is_valid():
        try:
            payout_policy_update(store=request.store, actor=str(request.user), **form.values(policy))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Saved. The rules hold for every payment from now on.")
            return redirect("dashboard:payout_rules", request.store.pk)
    return store_render(
        request, "dashboard/payout_rules.html", {"nav": "payouts", "form": form}, status=422 if form.errors else 200
    )


@require_POST
@store_page(permissions.MODIFY_STORE)
def payouts_pause(request: StoreRequest) -> HttpResponse:
    """Stop, or go on with, all sending of this store."""
    match request.POST.get("action"):
        case "pause":
            store_payouts_pause(store=request.store, paused=True, actor=str(request.user))
            messages.success(request, "Payouts are paused. Claims are still taken; they wait.")
        case "resume":
            store_payouts_pause(store=request.store, paused=False, actor=str(request.user))
            messages.success(request, "Payouts go on. What waited is sent now.")
        case _:
            messages.error(request, "That is neither pausing nor going on. Nothing was changed.")
    return redirect("dashboard:payout_rules", request.store.pk)
