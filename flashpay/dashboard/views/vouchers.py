"""Batches of vouchers: listed, made, looked at, printed, exported, revoked."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard import selectors
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.voucher_forms import VoucherBatchForm
from flashpay.languages import ENGLISH, language_known
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.papers import PAPERS
from flashpay.refusals import Refusal
from flashpay.spreadsheets import csv_lines, csv_response
from flashpay.stores import permissions
from flashpay.stores.selectors import wallet_active
from payouts.vouchers.models import Voucher, VoucherBatch
from payouts.vouchers.selectors import STATES, batch_counts, batches_of, csv_rows, vouchers_of
from payouts.vouchers.services import voucher_batch_create, voucher_batch_revoke, voucher_revoke
from payouts.vouchers.sheets import PER_PAGE, cards, layout_get, pages, vouchers_pdf

BATCHES_A_PAGE = 25
VOUCHERS_A_PAGE = 50
# Whoever holds a sheet or the table holds the money, so a guest of the store sees neither.
_HANDS_OUT = permissions.CREATE_UNAPPROVED_PULL_PAYMENTS
_NOT_KEPT = {"Cache-Control": "no-store"}


@require_GET
@store_page(permissions.VIEW_PULL_PAYMENTS)
def batches(request: StoreRequest) -> HttpResponse:
    page = Paginator(batches_of(request.store), BATCHES_A_PAGE).get_page(request.GET.get("page"))
    counts = batch_counts(page.object_list, timezone.now())
    rows = [{"batch": batch, "counts": counts[batch.pk]} for batch in page.object_list]
    return store_render(
        request,
        "dashboard/vouchers.html",
        {"nav": "vouchers", "page": page, "rows": rows, "wallet": wallet_active(request.store)},
    )


@require_http_methods(["GET", "POST"])
@store_page(_HANDS_OUT)
def batch_new(request: StoreRequest) -> HttpResponse:
    form = VoucherBatchForm(request.POST or None, initial={"currency": request.store.default_currency})
    if request.method == "POST" and form.is_valid():
        may_approve = permissions.role_may(request.membership.role, permissions.CREATE_PULL_PAYMENTS)
        if form.cleaned_data["auto_approve"] and not may_approve:
            raise PermissionDenied("Your role may only make vouchers whose claims wait for approval.")
        try:
            batch = voucher_batch_create(
                store=request.store,
                count=form.cleaned_data["count"],
                amount=form.cleaned_data["minor"],
                currency=currency_get(form.cleaned_data["currency"]),
                name=form.cleaned_data["name"],
                prefix=form.cleaned_data["prefix"],
                note=form.cleaned_data["note"],
                expires_at=form.cleaned_data["expires_at"],
                auto_approve=form.cleaned_data["auto_approve"],
                actor=str(request.user),
            )
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            messages.success(
                request, f"{batch.count:,} vouchers are ready to print. Nothing is paid until one is claimed."
            )
            return redirect("dashboard:voucher_batch", request.store.pk, batch.pk)
    return store_render(
        request,
        "dashboard/voucher_batch_create.html",
        {"nav": "vouchers", "form": form, "wallet": wallet_active(request.store)},
        status=422 if form.errors else 200,
    )


@require_GET
@store_page(permissions.VIEW_PULL_PAYMENTS)
def batch(request: StoreRequest, batch_id: str) -> HttpResponse:
    shown, now = _batch(request, batch_id), timezone.now()
    state = request.GET.get("state", "")
    vouchers = vouchers_of(shown, now)
    text = request.GET.get("q", "").strip()
    if state in STATES:
        vouchers = vouchers.filter(state=state)
    if text:
        vouchers = vouchers.filter(_search(text))
    return store_render(
        request,
        "dashboard/voucher_batch.html",
        {
            "nav": "vouchers",
            "batch": shown,
            "counts": batch_counts([shown], now)[shown.pk],
            "states": STATES,
            "state": state if state in STATES else "",
            "q": text,
            "page": Paginator(vouchers, VOUCHERS_A_PAGE).get_page(request.GET.get("page")),
            "papers": [(paper, number) for paper in PAPERS for number in PER_PAGE],
            "events": selectors.timeline(store=request.store, entities={"voucherbatch": [shown.pk]}),
        },
    )


@require_POST
@store_page(permissions.ARCHIVE_PULL_PAYMENTS)
def batch_revoke(request: StoreRequest, batch_id: str) -> HttpResponse:
    shown = _batch(request, batch_id)
    revoked = voucher_batch_revoke(batch=shown, actor=str(request.user))
    messages.success(request, f"{revoked:,} unclaimed vouchers are revoked. Claims that were made go on.")
    return redirect("dashboard:voucher_batch", request.store.pk, shown.pk)


@require_POST
@store_page(permissions.ARCHIVE_PULL_PAYMENTS)
def one_revoke(request: StoreRequest, batch_id: str, number: int) -> HttpResponse:
    shown = _batch(request, batch_id)
    voucher = get_object_or_404(shown.vouchers.select_related("pull_payment", "batch"), number=number)
    try:
        voucher_revoke(voucher=voucher, actor=str(request.user))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"{voucher.label} is revoked. Nobody can claim it any more.")
    return redirect("dashboard:voucher_batch", request.store.pk, shown.pk)


@require_GET
@store_page(_HANDS_OUT)
def batch_sheets(request: StoreRequest, batch_id: str) -> HttpResponse:
    """The print page: what can still be claimed, or all of it with `?all=1`."""
    shown = _batch(request, batch_id)
    layout = layout_get(request.GET.get("paper", ""), request.GET.get("per_page", ""))
    language = language_known(request.GET.get("language", "")) or ENGLISH
    answer = store_render(
        request,
        "dashboard/voucher_sheets.html",
        {
            "batch": shown,
            "layout": layout,
            "pages": pages(cards(shown, _printed(request, shown), language=language), layout),
            "printed_language": language,
            "languages": settings.LANGUAGES,
            "papers": PAPERS,
            "per_pages": PER_PAGE,
        },
    )
    answer["Cache-Control"] = _NOT_KEPT["Cache-Control"]
    return answer


@require_GET
@store_page(_HANDS_OUT)
def batch_pdf(request: StoreRequest, batch_id: str) -> HttpResponse:
    shown = _batch(request, batch_id)
    layout = layout_get(request.GET.get("paper", ""), request.GET.get("per_page", ""))
    language = request.GET.get("language", "")
    body = vouchers_pdf(shown, _printed(request, shown), layout, language=language, made_at=timezone.now())
    name = f"{slugify(shown.name) or 'vouchers'}-{layout.paper.lower()}.pdf"
    return HttpResponse(
        body, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"', **_NOT_KEPT}
    )


@require_GET
@store_page(_HANDS_OUT)
def batch_csv(request: StoreRequest, batch_id: str) -> StreamingHttpResponse:
    shown = _batch(request, batch_id)
    lines = csv_lines(csv_rows(shown, timezone.now()))
    return csv_response(lines, slugify(shown.name) or "vouchers", headers=_NOT_KEPT)


def _batch(request: StoreRequest, batch_id: str) -> VoucherBatch:
    return get_object_or_404(VoucherBatch.objects.select_related("store"), pk=batch_id, store=request.store)


def _search(text: str) -> Q:
    """By the number on the voucher (`7`, `XMAS-007`) or the beginning of its code."""
    number = text.rpartition("-")[2]
    if number.isdecimal() and len(number) < 6:
        return Q(number=int(number))
    return Q(code__startswith=text.upper().replace("-", "").replace(" ", ""))


def _printed(request: StoreRequest, shown: VoucherBatch) -> list[Voucher]:
    vouchers = vouchers_of(shown, timezone.now())
    return list(vouchers if request.GET.get("all") else vouchers.filter(state="Unclaimed"))
