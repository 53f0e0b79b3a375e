"""Payment requests: under their store, and by their id alone, as different versions of BTCPay Server have them."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse
from django.utils import timezone
from ninja import Path, Query, Router
from pydantic import BaseModel, Field

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.invoice_shapes import InvoiceData, invoice_shown
from flashpay.api.problems import answers
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import AmountText, CurrencyCode, Input, Moment, StoreId, UnixTime, moment_read
from flashpay.invoices.models import PaymentRequest
from flashpay.invoices.requests import request_state, requests_paid
from flashpay.invoices.selectors import request_link
from flashpay.invoices.services import payment_request_archive, payment_request_pay, payment_request_save
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import currency_get
from flashpay.stores import permissions
from flashpay.stores.models import Store

router = Router(tags=["Payment requests"])

_ALL = "/stores/{storeId}/payment-requests"
_ONE = "/stores/{storeId}/payment-requests/{paymentRequestId}"
_BY_ID = "/payment-requests/{paymentRequestId}"


class PaymentRequestPath(BaseModel):
    paymentRequestId: str
    storeId: str | None = None


class PaymentRequestData(BaseModel):
    id: str = Field(examples=["Jm5cXz8bRqTw2VfHyKn7Gd"])
    storeId: StoreId
    status: str = Field(description="Pending, Completed or Expired", examples=["Pending"])
    createdTime: Moment
    title: str = Field(examples=["Rent, May"])
    amount: str = Field(examples=["120.00"])
    currency: CurrencyCode
    email: str | None = Field(examples=["grace@home.example"])
    description: str | None = Field(examples=["Room 4, first floor"])
    expiryDate: Moment | None = Field(examples=[1_780_228_800])
    referenceId: str | None = Field(examples=["R-2026-05"])
    allowCustomPaymentAmounts: bool = Field(examples=[True])
    archived: bool
    viewLink: str = Field(
        description="The page that the payer gets",
        examples=["https://pay.example/r/Jm5cXz8bRqTw2VfHyKn7Gd"],
    )


class PaymentRequestInput(Input):
    title: str = Field(examples=["Rent, May"])
    amount: AmountText = Field(examples=["120.00"])
    currency: str | None = Field(default=None, description="Left out: the store's default currency", examples=["USD"])
    email: str = Field(default="", examples=["grace@home.example"])
    description: str = Field(default="", max_length=5000, examples=["Room 4, first floor"])
    expiryDate: UnixTime | None = None
    referenceId: str = Field(default="", max_length=200, examples=["R-2026-05"])
    allowCustomPaymentAmounts: bool = Field(
        default=False, description="Whether it may be paid in parts", examples=[True]
    )


class PayInput(Input):
    amount: AmountText | None = Field(default=None, description="Left out: all that is due", examples=["40.00"])
    allowPendingInvoiceReuse: bool | None = Field(default=None, description="An open invoice is always used again")


@router.get(_ALL, response=answers(list[PaymentRequestData]))
def payment_requests_list(
    request: ApiRequest, storeId: str, includeArchived: Annotated[bool, Query()] = False
) -> list[PaymentRequestData]:
    """The store's payment requests, newest first."""
    store = request.auth.store_get(storeId, permissions.VIEW_PAYMENT_REQUESTS)
    found = PaymentRequest.objects.filter(store=store)
    shown = list(found if includeArchived else found.filter(archived=False))
    paid = requests_paid(shown)
    return [_shown(one, paid[one.pk]) for one in shown]


@router.post(_ALL, response=answers(PaymentRequestData), openapi_extra=REPEATABLE)
def payment_request_new(
    request: ApiRequest, storeId: str, payload: PaymentRequestInput
) -> PaymentRequestData | HttpResponse:
    """Make a payment request."""
    store = request.auth.store_get(storeId, permissions.MODIFY_PAYMENT_REQUESTS)
    return once(request, lambda: _shown(_save(store, payload, request.auth.actor, None)))


@router.get(_ONE, response=answers(PaymentRequestData))
@router.get(_BY_ID, response=answers(PaymentRequestData), operation_id="payment_request_get_by_id")
def payment_request_get(request: ApiRequest, path: Path[PaymentRequestPath]) -> PaymentRequestData:
    """One payment request."""
    return _shown(_find(request, path, permissions.VIEW_PAYMENT_REQUESTS))


@router.put(_ONE, response=answers(PaymentRequestData))
@router.put(_BY_ID, response=answers(PaymentRequestData), operation_id="payment_request_put_by_id")
def payment_request_put(
    request: ApiRequest, path: Path[PaymentRequestPath], payload: PaymentRequestInput
) -> PaymentRequestData:
    """Change a payment request. Once something was paid, its currency stays and its amount cannot fall below that."""
    found = _find(request, path, permissions.MODIFY_PAYMENT_REQUESTS)
    return _shown(_save(found.store, payload, request.auth.actor, found))


@router.delete(_ONE, response=answers(None))
@router.delete(_BY_ID, response=answers(None), operation_id="payment_request_archive_by_id")
def payment_request_delete(request: ApiRequest, path: Path[PaymentRequestPath]) -> None:
    """Archive a payment request: it leaves the list and cannot be paid any more. What was paid stays."""
    found = _find(request, path, permissions.MODIFY_PAYMENT_REQUESTS)
    payment_request_archive(request=found, actor=request.auth.actor)


@router.post(f"{_ONE}/pay", response=answers(InvoiceData), openapi_extra=REPEATABLE)
@router.post(
    f"{_BY_ID}/pay",
    response=answers(InvoiceData),
    openapi_extra=REPEATABLE,
    operation_id="payment_request_invoice_by_id",
)
def payment_request_invoice(
    request: ApiRequest, path: Path[PaymentRequestPath], payload: PayInput
) -> InvoiceData | HttpResponse:
    """An invoice over what is due, or a part of it. One that is open already over the same amount is answered again."""
    found = _find(request, path, permissions.VIEW_PAYMENT_REQUESTS)
    currency = currency_get(found.currency)
    amount = amount_read(payload.amount, currency)
    return once(
        request,
        lambda: invoice_shown(payment_request_pay(request=found, amount=amount, actor=request.auth.actor)),
        priced_in=[currency],
    )


def _find(request: ApiRequest, path: PaymentRequestPath, permission: str) -> PaymentRequest:
    found = PaymentRequest.objects.select_related("store").filter(pk=path.paymentRequestId).first()
    return request.auth.record_get(found, path.storeId, permission, "payment-request")


def _save(store: Store, payload: PaymentRequestInput, actor: str, request: PaymentRequest | None) -> PaymentRequest:
    currency = currency_read(payload.currency or store.default_currency)
    return payment_request_save(
        store=store,
        request=request,
        title=payload.title,
        amount=amount_read(payload.amount, currency),
        currency=currency,
        actor=actor,
        description=payload.description,
        email=payload.email,
        reference_id=payload.referenceId,
        allow_parts=payload.allowCustomPaymentAmounts,
        expires_at=moment_read(payload.expiryDate),
    )


def _shown(found: PaymentRequest, paid: int | None = None) -> PaymentRequestData:
    return PaymentRequestData(
        id=found.pk,
        storeId=found.store_id,
        status=request_state(found, timezone.now(), paid=paid),
        createdTime=found.created_at,
        title=found.title,
        amount=amount_plain(found.amount, currency_get(found.currency)),
        currency=found.currency,
        email=found.email or None,
        description=found.description or None,
        expiryDate=found.expires_at,
        referenceId=found.reference_id or None,
        allowCustomPaymentAmounts=found.allow_parts,
        archived=found.archived,
        viewLink=request_link(found),
    )
