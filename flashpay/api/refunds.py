"""Refunds of invoices, on BTCPay Server's paths."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from ninja import Path, Router
from pydantic import BaseModel, Field

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.payment_methods import LIGHTNING_NAMES, lightning_check
from flashpay.api.payout_shapes import PullPaymentData, pull_payment_shown
from flashpay.api.problems import answers, invalid, not_found
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.stores import BP_PER_PERCENT
from flashpay.api.wire import AmountText, CurrencyCode, Input, PercentText
from flashpay.invoices.models import Invoice
from flashpay.invoices.refunds import RefundVariant, refund_amount
from flashpay.invoices.selectors import invoice_find
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import BTC, currency_get
from flashpay.money.errors import NoFreshRate
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from payouts.services.refunds import refund_create, refunds_of

router = Router(tags=["Invoices"])

_ONE = "/stores/{storeId}/invoices/{invoiceId}"
_BY_ID = "/invoices/{invoiceId}"


class RefundPath(BaseModel):
    invoiceId: str
    storeId: str | None = None


class RefundInput(Input):
    refundVariant: RefundVariant
    name: str = Field(default="", max_length=50)
    description: str = Field(default="", max_length=2000)
    payoutMethods: list[str] | None = Field(default=None, description="If given, it must name BTC-LN")
    subtractPercentage: PercentText | None = Field(default=None, description="Percent that are kept", examples=[2.5])
    customAmount: AmountText | None = None
    customCurrency: str | None = None


class RefundPreviewPath(RefundPath):
    paymentMethodId: str


class RefundPreviewData(BaseModel):
    """What each variant of a refund comes to at this moment, before anything is kept; null where it cannot be made."""

    paymentAmountThen: str | None = Field(
        description="RateThen: the sats that arrived, in BTC", examples=["0.00050000"]
    )
    paymentAmountNow: str | None = Field(
        description="CurrentRate: what they were worth then, at the rate of now, in BTC; null where there is no fresh rate",
        examples=["0.00049000"],
    )
    invoiceAmount: str | None = Field(description="Fiat: in the invoice's currency", examples=["31.75"])
    overpaidPaymentAmount: str | None = Field(description="OverpaidAmount, in BTC")
    paymentCurrency: str = "BTC"
    paymentCurrencyDivisibility: int = BTC.decimals
    invoiceCurrency: CurrencyCode
    invoiceCurrencyDivisibility: int = Field(examples=[2])
    refunds: list[PullPaymentData] = Field(description="Those that were made already, archived ones too", examples=[[]])


@router.get(f"{_ONE}/refund/{{paymentMethodId}}", response=answers(RefundPreviewData))
@router.get(
    f"{_BY_ID}/refund/{{paymentMethodId}}",
    response=answers(RefundPreviewData),
    operation_id="invoice_refund_preview_by_id",
)
def invoice_refund_preview(request: ApiRequest, path: Path[RefundPreviewPath]) -> RefundPreviewData:
    """What could be given back of an invoice, by each variant, and what was given back already."""
    invoice = request.auth.record_get(
        invoice_find(path.invoiceId), path.storeId, permissions.CREATE_UNAPPROVED_PULL_PAYMENTS, "invoice"
    )
    if path.paymentMethodId not in LIGHTNING_NAMES:
        raise not_found("paymentmethod")
    currency = currency_get(invoice.currency)
    return RefundPreviewData(
        paymentAmountThen=_sats(invoice, RefundVariant.RATE_THEN),
        paymentAmountNow=_sats(invoice, RefundVariant.CURRENT_RATE),
        invoiceAmount=_comes_to(invoice, RefundVariant.FIAT),
        overpaidPaymentAmount=_sats(invoice, RefundVariant.OVERPAID),
        invoiceCurrency=currency.code,
        invoiceCurrencyDivisibility=currency.decimals,
        refunds=[pull_payment_shown(one) for one in refunds_of(store=invoice.store, invoice_id=invoice.pk)],
    )


@router.post(f"{_ONE}/refund", response=answers(PullPaymentData), openapi_extra=REPEATABLE)
@router.post(
    f"{_BY_ID}/refund",
    response=answers(PullPaymentData),
    openapi_extra=REPEATABLE,
    operation_id="invoice_refund_by_id",
)
def invoice_refund(request: ApiRequest, path: Path[RefundPath], payload: RefundInput) -> PullPaymentData | HttpResponse:
    """Make a pull payment for the payer of an invoice. A second one is only made with a custom amount.

    It pays out by itself where the caller may approve claims, but never for `Fiat`, whose sats are fixed when it is claimed.
    """
    invoice = request.auth.record_get(
        invoice_find(path.invoiceId), path.storeId, permissions.CREATE_UNAPPROVED_PULL_PAYMENTS, "invoice"
    )
    lightning_check(payload.payoutMethods, "payoutMethods")
    variant, terms = payload.refundVariant, _terms(invoice, payload)
    approves = request.auth.may(invoice.store, permissions.CREATE_PULL_PAYMENTS)

    def make() -> PullPaymentData:
        amount, currency = refund_amount(invoice=invoice, variant=variant, **terms)
        refund = refund_create(
            store=invoice.store,
            invoice_id=invoice.pk,
            amount=amount,
            currency=currency,
            actor=request.auth.actor,
            name=payload.name,
            description=payload.description,
            auto_approve=approves and variant != RefundVariant.FIAT,
            again=variant == RefundVariant.CUSTOM,
        )
        return pull_payment_shown(refund)

    return once(request, make, priced_in=[terms.get("custom_currency", currency_get(invoice.currency))])


def _comes_to(invoice: Invoice, variant: RefundVariant) -> str | None:
    try:
        return amount_plain(*refund_amount(invoice=invoice, variant=variant))
    except (Refusal, NoFreshRate):
        return None


def _sats(invoice: Invoice, variant: RefundVariant) -> str | None:
    sats = _comes_to(invoice, variant)
    return None if sats is None else amount_plain(int(sats), BTC)


def _terms(invoice: Invoice, payload: RefundInput) -> dict[str, Any]:
    basis_points = Decimal(payload.subtractPercentage or 0) * BP_PER_PERCENT
    if basis_points != int(basis_points):
        raise invalid("subtractPercentage", "A percentage has at most two decimals.")
    terms: dict[str, Any] = {"subtract_bp": int(basis_points)}
    if payload.refundVariant == RefundVariant.CUSTOM and payload.customAmount is not None:
        currency = currency_read(payload.customCurrency or invoice.currency, "customCurrency")
        terms |= {"custom": amount_read(payload.customAmount, currency, "customAmount"), "custom_currency": currency}
    return terms
