"""The administrator's switch over the sending of the whole installation."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from flashpay.stores.models import Event
from payouts.models import Payout, PayoutState, SendingSwitch
from payouts.services import sending_pause

_EVENTS_SHOWN = 50


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        label="Reason",
        help_text="Everybody who looks at payouts sees it, and it stays in the history with your name.",
        error_messages={"required": "Please say why: others have to understand it without asking you."},
    )


@require_http_methods(["GET", "POST"])
def sending(request: HttpRequest) -> HttpResponse:
    """Stop or let go on. There is no such page for anybody but administrators."""
    if not (request.user.is_active and request.user.is_superuser):
        raise Http404("There is no such page.")
    form = ReasonForm(request.POST or None)
    action = request.POST.get("action")
    if request.method == "POST" and form.is_valid() and action in ("pause", "resume"):
        paused = action == "pause"
        sending_pause(paused=paused, reason=form.cleaned_data["reason"], actor=str(request.user))
        said = "All sending is stopped. Nothing more leaves." if paused else "Sending goes on. What waited is sent now."
        messages.success(request, said)
        return redirect("dashboard:sending")
    states = {"waiting": PayoutState.AWAITING_PAYMENT, "in_flight": PayoutState.IN_PROGRESS}
    counts = {name: Payout.objects.filter(state=state).count() for name, state in states.items()}
    newest = Event.objects.filter(entity="sendingswitch").order_by("-id")[:_EVENTS_SHOWN]
    page = {"switch": SendingSwitch.objects.first(), "form": form, "events": list(newest)[::-1], **counts}
    return render(request, "dashboard/sending.html", page, status=422 if form.errors else 200)
