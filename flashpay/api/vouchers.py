"""Batches of vouchers: made, listed, printed, revoked. FlashPay's own paths: BTCPay Server has no vouchers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from ninja import Query, Router
from pydantic import BaseModel, Field

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.paging import LONGEST_PAGE, Skip, Take, page_of
from flashpay.api.problems import answers, missing_permission, not_found
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import AmountText, Input, Moment, PullPaymentId, StoreId, UnixTime, moment_read
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import currency_get
from flashpay.spreadsheets import csv_lines, csv_response
from flashpay.stores import permissions
from payouts.selectors import claim_link, pull_payment_lnurl
from payouts.vouchers.models import VoucherBatch
from payouts.vouchers.selectors import CSV_COLUMNS, batch_counts, batches_of, csv_rows, vouchers_of
from payouts.vouchers.services import (
    MOST_VOUCHERS,
    voucher_batch_create,
    voucher_batch_revoke,
    voucher_revoke,
)
from payouts.vouchers.sheets import layout_get, vouchers_pdf

router = Router(tags=["Vouchers"])

_ALL = "/stores/{storeId}/voucher-batches"
_ONE = "/stores/{storeId}/voucher-batches/{batchId}"
# Whoever holds the codes holds the money, so a guest of the store sees none.
_HANDS_OUT = permissions.CREATE_UNAPPROVED_PULL_PAYMENTS
_EXAMPLE_LINK = "https://pay.example/api/v1/stores/Vb7sQk2mWcTn4RzXyHe9Lp/voucher-batches/Wr4zKc9tGbNx5QpLmSv7Hj"
_NOT_KEPT = {"Cache-Control": "no-store"}
State = Literal["Unclaimed", "Claimed", "InFlight", "Paid", "Revoked", "Expired"]


class VoucherBatchInput(Input):
    name: str = Field(description="What a claimer's wallet shows", examples=["Christmas"])
    count: int = Field(description=f"How many, up to {MOST_VOUCHERS}", examples=[40])
    amount: AmountText = Field(description="What each is worth, in `currency`", examples=["21000"])
    currency: str | None = Field(default=None, description="Left out: the store's default currency", examples=["SAT"])
    prefix: str = Field(default="", description="Letters and digits before the number on paper", examples=["XMAS"])
    note: str = Field(default="", description="Stands on each voucher", examples=["Thank you for your help!"])
    expiresAt: UnixTime | None = None
    autoApproveClaims: bool = Field(default=False, description="Claims are sent without a person approving them")


class VoucherBatchData(BaseModel):
    id: str = Field(examples=["Wr4zKc9tGbNx5QpLmSv7Hj"])
    storeId: StoreId
    name: str = Field(examples=["Christmas"])
    count: int = Field(examples=[40])
    amount: str = Field(examples=["21000"])
    currency: str = Field(examples=["SAT"])
    prefix: str = Field(examples=["XMAS"])
    note: str = Field(examples=["Thank you for your help!"])
    createdTime: Moment
    expiresAt: Moment | None = Field(examples=[None])
    autoApproveClaims: bool
    counts: dict[State, int] = Field(
        description="How many of each state there are",
        examples=[{"Unclaimed": 39, "Claimed": 0, "InFlight": 0, "Paid": 1, "Revoked": 0, "Expired": 0}],
    )
    csvLink: str = Field(
        description="All of it as a table, with codes and links; needs the API key", examples=[f"{_EXAMPLE_LINK}/csv"]
    )
    pdfLink: str = Field(
        description="Sheets to print, with `paper` (A4, Letter) and `perPage` (8, 10); needs the API key",
        examples=[f"{_EXAMPLE_LINK}/pdf"],
    )


class VoucherData(BaseModel):
    number: int = Field(examples=[7])
    label: str = Field(examples=["XMAS-007"])
    code: str = Field(description="What people type from paper", examples=["K7QM-2XFP-9TRA"])
    state: State
    paidAt: Moment | None = Field(examples=[None])
    pullPaymentId: PullPaymentId
    viewLink: str = Field(
        description="Its claim page. Whoever has it has the money",
        examples=["https://pay.example/p/Nf9wGt4jRkUa7XbVzDm2Cq"],
    )
    lnurlBech32: str = Field(examples=["lightning:lnurl1…"])


class RevokedData(BaseModel):
    revoked: int = Field(description="How many were revoked; those that somebody had claimed are not", examples=[39])


@router.get(_ALL, response=answers(list[VoucherBatchData]))
def voucher_batches_list(
    request: ApiRequest, storeId: str, skip: Skip = 0, take: Take = LONGEST_PAGE
) -> list[VoucherBatchData]:
    """The store's batches, newest first."""
    store = request.auth.store_get(storeId, permissions.VIEW_PULL_PAYMENTS)
    return _shown(page_of(batches_of(store), skip, take))


@router.post(_ALL, response=answers(VoucherBatchData), openapi_extra=REPEATABLE)
def voucher_batch_new(request: ApiRequest, storeId: str, payload: VoucherBatchInput) -> VoucherBatchData | HttpResponse:
    """Make a batch of vouchers, all or none. Each is claimed once and whole; nothing is paid until one is claimed."""
    caller = request.auth
    store = caller.store_get(storeId, _HANDS_OUT)
    if payload.autoApproveClaims and not caller.may(store, permissions.CREATE_PULL_PAYMENTS):
        raise missing_permission(permissions.CREATE_PULL_PAYMENTS)
    currency = currency_read(payload.currency or store.default_currency)
    wanted: dict[str, Any] = {
        "count": payload.count,
        "amount": amount_read(payload.amount, currency),
        "name": payload.name,
        "prefix": payload.prefix,
        "note": payload.note,
        "expires_at": moment_read(payload.expiresAt),
        "auto_approve": payload.autoApproveClaims,
    }

    def make() -> VoucherBatchData:
        return _shown([voucher_batch_create(store=store, currency=currency, actor=caller.actor, **wanted)])[0]

    return once(request, make, priced_in=[currency])


@router.get(_ONE, response=answers(VoucherBatchData))
def voucher_batch_get(request: ApiRequest, storeId: str, batchId: str) -> VoucherBatchData:
    """One batch, and how many of its vouchers were claimed."""
    return _shown([_batch(request, storeId, batchId, permissions.VIEW_PULL_PAYMENTS)])[0]


@router.get(f"{_ONE}/vouchers", response=answers(list[VoucherData]))
def vouchers_list(
    request: ApiRequest,
    storeId: str,
    batchId: str,
    state: Annotated[State | None, Query()] = None,
    skip: Skip = 0,
    take: Take = LONGEST_PAGE,
) -> list[VoucherData]:
    """The batch's vouchers by number, with the codes and links that pay out."""
    found = vouchers_of(_batch(request, storeId, batchId, _HANDS_OUT), timezone.now())
    if state is not None:
        found = found.filter(state=state)
    return [_voucher_shown(voucher) for voucher in page_of(found, skip, take)]


@router.post(f"{_ONE}/revoke", response=answers(RevokedData))
def voucher_batch_end(request: ApiRequest, storeId: str, batchId: str) -> RevokedData:
    """Revoke every voucher of the batch that nobody has claimed. Claims that were made go on."""
    batch = _batch(request, storeId, batchId, permissions.ARCHIVE_PULL_PAYMENTS)
    return RevokedData(revoked=voucher_batch_revoke(batch=batch, actor=request.auth.actor))


@router.post(f"{_ONE}/vouchers/{{number}}/revoke", response=answers(VoucherData))
def voucher_end(request: ApiRequest, storeId: str, batchId: str, number: int) -> VoucherData:
    """Revoke one voucher that nobody has claimed."""
    batch = _batch(request, storeId, batchId, permissions.ARCHIVE_PULL_PAYMENTS)
    found = vouchers_of(batch, timezone.now()).filter(number=number if number < 10**6 else 0)
    voucher = found.first()
    if voucher is None:
        raise not_found("voucher")
    voucher_revoke(voucher=voucher, actor=request.auth.actor)
    return _voucher_shown(found.get())


_CSV_EXAMPLE = "".join(
    csv_lines(
        [CSV_COLUMNS, ("XMAS-007", "K7QM-2XFP-9TRA", "21000", "SAT", "Unclaimed", "", "https://…", "LNURL1…", "")]
    )
)
_CSV: dict[str, Any] = {
    "responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE}}}}
}
_PDF: dict[str, Any] = {
    "responses": {200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}}
}


@router.get(f"{_ONE}/csv", response=answers(None), openapi_extra=_CSV)
def voucher_batch_csv(request: ApiRequest, storeId: str, batchId: str) -> StreamingHttpResponse:
    """The batch as a table for a spreadsheet, with the codes and links that pay out."""
    batch = _batch(request, storeId, batchId, _HANDS_OUT)
    lines = csv_lines(csv_rows(batch, timezone.now()))
    return csv_response(lines, _file_name(batch), headers=_NOT_KEPT)


@router.get(f"{_ONE}/pdf", response=answers(None), openapi_extra=_PDF)
def voucher_batch_pdf(
    request: ApiRequest,
    storeId: str,
    batchId: str,
    paper: Annotated[Literal["A4", "Letter"], Query()] = "A4",
    perPage: Annotated[Literal["8", "10"], Query(description="Vouchers on a sheet")] = "8",
    all: Annotated[bool, Query(description="Those too that cannot be claimed any more")] = False,
    language: Annotated[str, Query(max_length=35, description="Of the words on them: en, es, ht, nl or fr")] = "en",
) -> HttpResponse:
    """Sheets of the batch's vouchers to print and cut, those that can still be claimed."""
    batch = _batch(request, storeId, batchId, _HANDS_OUT)
    now = timezone.now()
    vouchers = vouchers_of(batch, now)
    printed = list(vouchers if all else vouchers.filter(state="Unclaimed"))
    body = vouchers_pdf(batch, printed, layout_get(paper, perPage), language=language, made_at=now)
    as_file = {"Content-Disposition": f'attachment; filename="{_file_name(batch)}.pdf"'}
    return HttpResponse(body, content_type="application/pdf", headers={**as_file, **_NOT_KEPT})


def _batch(request: ApiRequest, store_id: str, batch_id: str, permission: str) -> VoucherBatch:
    found = VoucherBatch.objects.select_related("store").filter(pk=batch_id).first()
    return request.auth.record_get(found, store_id, permission, "voucher-batch")


def _file_name(batch: VoucherBatch) -> str:
    return slugify(batch.name) or "vouchers"


def _shown(batches: list[VoucherBatch]) -> list[VoucherBatchData]:
    counts: dict[str, Any] = batch_counts(batches, timezone.now())
    return [
        VoucherBatchData(
            id=batch.pk,
            storeId=batch.store_id,
            name=batch.name,
            count=batch.count,
            amount=amount_plain(batch.amount, currency_get(batch.currency)),
            currency=batch.currency,
            prefix=batch.prefix,
            note=batch.note,
            createdTime=batch.created_at,
            expiresAt=batch.expires_at,
            autoApproveClaims=batch.auto_approve,
            counts=counts[batch.pk],
            csvLink=_link("voucher_batch_csv", batch),
            pdfLink=_link("voucher_batch_pdf", batch),
        )
        for batch in batches
    ]


def _link(name: str, batch: VoucherBatch) -> str:
    return settings.PUBLIC_URL + reverse(f"api:{name}", args=[batch.store_id, batch.pk])


def _voucher_shown(voucher: Any) -> VoucherData:
    return VoucherData(
        number=voucher.number,
        label=voucher.label,
        code=voucher.code_shown,
        state=voucher.state,
        paidAt=voucher.paid_at,
        pullPaymentId=voucher.pull_payment_id,
        viewLink=claim_link(voucher.pull_payment),
        lnurlBech32=f"lightning:{pull_payment_lnurl(voucher.pull_payment).bech32.lower()}",
    )
