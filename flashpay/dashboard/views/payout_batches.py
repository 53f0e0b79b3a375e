"""Paying many people from one table: brought, looked at, confirmed, followed to its end."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard import selectors
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.batch_forms import BatchForm
from flashpay.refusals import Refusal
from flashpay.spreadsheets import csv_response
from flashpay.stores import permissions
from flashpay.stores.selectors import wallet_active
from payouts.batches.checking import Checked
from payouts.batches.models import BatchState, PayoutBatch
from payouts.batches.selectors import TABS, batch_csv, batch_payouts, batch_progress, batches_of, sample_csv
from payouts.batches.services import (
    DRAFT_KEPT,
    MOST_AT_ONCE,
    batch_approve,
    batch_cancel,
    batch_check,
    batch_confirm,
    batch_discard,
    batch_read,
    batch_rows_drop,
    batch_seen,
    batch_sent_before,
)

PAGE_SIZE = 100


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def batches(request: StoreRequest) -> HttpResponse:
    page = Paginator(batches_of(request.store), 25).get_page(request.GET.get("page"))
    return store_render(request, "dashboard/payout_batches.html", {"nav": "payouts", "page": page})


@require_http_methods(["GET", "POST"])
@store_page(permissions.MANAGE_PAYOUTS)
def batch_new(request: StoreRequest) -> HttpResponse:
    initial = {"currency": request.store.default_currency, "replaces": request.GET.get("replaces", "")}
    form = BatchForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        corrected = PayoutBatch.objects.filter(pk=form.cleaned_data["replaces"], store=request.store).first()
        try:
            made = batch_read(
                store=request.store,
                content=form.cleaned_data["content"],
                name=form.cleaned_data["name"],
                default_currency=form.cleaned_data["currency"],
                replaces=corrected,
                actor=str(request.user),
            )
        except Refusal as refusal:
            pasted = refusal.field == "file" and bool(form.cleaned_data["text"].strip())
            form.add_error("text" if pasted else refusal.field or None, refusal.sentence)
        else:
            return redirect("dashboard:payout_batch", request.store.pk, made.pk)
    return store_render(
        request,
        "dashboard/payout_batch_create.html",
        {"nav": "payouts", "form": form, "wallet": wallet_active(request.store)},
        status=422 if form.errors else 200,
    )


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def sample(request: StoreRequest) -> StreamingHttpResponse:
    return csv_response(sample_csv(), "payouts-sample")


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def batch(request: StoreRequest, batch_id: str) -> HttpResponseBase:
    """A draft with everything that is wrong with it, or how its payouts go."""
    shown = _batch(request, batch_id)
    return _progress(request, shown) if shown.state == BatchState.CONFIRMED else _draft(request, shown)


@require_POST
@store_page(permissions.MANAGE_PAYOUTS)
def batch_edit(request: StoreRequest, batch_id: str) -> HttpResponse:
    """Leave out one row, or all that have problems; or throw the draft away."""
    shown = _batch(request, batch_id)
    try:
        match request.POST.get("action"):
            case "discard":
                batch_discard(batch=shown, actor=str(request.user))
                messages.success(request, "The table is discarded. Nothing was sent.")
                return redirect("dashboard:payout_batches", request.store.pk)
            case "drop_bad":
                lines = {each.row.line for each in batch_check(batch=shown).bad}
            case _:
                line = request.POST.get("line", "")
                lines = {int(line)} if line.isascii() and line.isdigit() and len(line) < 10 else set()
        dropped = batch_rows_drop(batch=shown, lines=lines)
        rows = "1 row is" if dropped == 1 else f"{dropped} rows are"
        messages.success(request, f"{rows} left out. Nothing was sent yet.")
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return redirect("dashboard:payout_batch", request.store.pk, shown.pk)


@require_POST
@store_page(permissions.MANAGE_PAYOUTS)
def batch_confirmed(request: StoreRequest, batch_id: str) -> HttpResponse:
    shown = _batch(request, batch_id)
    try:
        batch_confirm(
            batch=shown,
            seen=request.POST.get("seen", ""),
            again=request.POST.get("again") == "1",
            actor=str(request.user),
        )
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return redirect("dashboard:payout_batch", request.store.pk, shown.pk)


@require_POST
@store_page(permissions.MANAGE_PAYOUTS)
def batch_act(request: StoreRequest, batch_id: str) -> HttpResponse:
    """Approve everything that waits for it, or cancel everything that was not sent."""
    shown = _batch(request, batch_id)
    match request.POST.get("action"):
        case "approve":
            sent, waits = batch_approve(batch=shown, user=request.user)
            more = f" {waits} need the approval of a second person." if waits else ""
            done = f"{sent} of its payouts are on their way.{more}"
            handled = sent + waits
        case "cancel":
            reason = request.POST.get("reason", "").strip() or "Cancelled by the shop."
            handled = batch_cancel(batch=shown, reason=reason, actor=str(request.user))
            done = f"{handled} of its payouts are cancelled. Nothing was sent for them."
        case _:
            messages.error(request, "That is not something that can be done with a batch. Nothing was changed.")
            return redirect("dashboard:payout_batch", request.store.pk, shown.pk)
    rest = " There are more: please do it once again." if handled >= MOST_AT_ONCE else ""
    messages.success(request, f"{done}{rest}")
    return redirect("dashboard:payout_batch", request.store.pk, shown.pk)


@require_GET
@store_page(permissions.VIEW_PAYOUTS)
def batch_results(request: StoreRequest, batch_id: str) -> StreamingHttpResponse:
    shown = _batch(request, batch_id)
    return csv_response(batch_csv(shown), f"payouts-{slugify(shown.name) or shown.pk}-{timezone.now():%Y-%m-%d}")


def _batch(request: StoreRequest, batch_id: str) -> PayoutBatch:
    # A draft's page reads the rows when it comes to them; how the payouts go is asked again and again, and needs none.
    found = PayoutBatch.objects.select_related("store").defer("rows")
    return get_object_or_404(found, pk=batch_id, store=request.store)


def _draft(request: StoreRequest, shown: PayoutBatch) -> HttpResponse:
    checked, why_not = None, ""
    if shown.state == BatchState.DRAFT:
        try:
            checked = batch_check(batch=shown)
        except Refusal as refusal:
            why_not = refusal.sentence
    return store_render(
        request,
        "dashboard/payout_batch_draft.html",
        {
            "nav": "payouts",
            "batch": shown,
            "wallet": wallet_active(request.store),
            "why_not": why_not,
            "seen": batch_seen(shown),
            "sent_before": batch_sent_before(shown),
            "kept_until": shown.created_at + DRAFT_KEPT,
            **(_table(request, checked) if checked else {}),
        },
    )


def _table(request: HttpRequest, checked: Checked) -> dict[str, Any]:
    """Rows with problems come first, for they are what is to be done; a tab shows the table as it was brought."""
    bad = checked.bad
    in_order = request.GET.get("tab") == "all" or not bad
    good = (each for each in checked.rows if not each.problems)
    rows = checked.rows if in_order else list(chain(bad, good))
    return {
        "checked": checked,
        "bad": len(bad),
        "in_order": in_order,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
    }


def _progress(request: StoreRequest, shown: PayoutBatch) -> HttpResponse:
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else ""
    progress = batch_progress(shown)
    person = f"user:{request.user.pk}"
    mine = batch_payouts(batch=shown, tab="approval").exclude(payout__approved_by__person=person)
    return store_render(
        request,
        "dashboard/payout_batch.html",
        {
            "nav": "payouts",
            "batch": shown,
            "progress": progress,
            "tab": tab,
            "to_approve": mine.count(),
            "page": Paginator(batch_payouts(batch=shown, tab=tab), PAGE_SIZE).get_page(request.GET.get("page")),
            "events": selectors.timeline(store=request.store, entities={"payoutbatch": [shown.pk]}),
        },
    )
