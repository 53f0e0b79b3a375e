"""What an invoice looks like in JSON, coming and going; names as in BTCPay Server."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.utils import timezone
from pydantic import BaseModel, Field

from flashpay.api.payment_methods import LIGHTNING
from flashpay.api.stores import BP_PER_PERCENT
from flashpay.api.wire import AmountText, Input, Moment, PercentText
from flashpay.invoices.models import Invoice, InvoiceState, LightningInvoice, Payment
from flashpay.invoices.selectors import checkout_link, invoice_state_now, paid_minor
from flashpay.money.amounts import MSAT_PER_BTC, MSAT_PER_SAT, amount_plain
from flashpay.money.currencies import currency_get
from flashpay.money.rates import rate_par

SECONDS_PER_MINUTE = 60
ORDER_ID_LENGTH = 200
DESCRIPTION_LENGTH = 500
_MSAT_DIGITS = 11
Minutes = Annotated[int, Field(ge=0, le=10_000_000)]


class CheckoutData(BaseModel):
    expirationMinutes: int
    monitoringMinutes: int
    paymentTolerance: float
    redirectURL: str | None
    defaultLanguage: str | None
    paymentMethods: list[str] = [LIGHTNING]
    defaultPaymentMethod: str = LIGHTNING


class InvoiceData(BaseModel):
    id: str
    storeId: str
    amount: str = Field(description="Decimal, in `currency`; 0 for a top-up invoice")
    paidAmount: str = Field(description="How much of the amount is covered by what was paid")
    currency: str
    type: str
    checkoutLink: str
    createdTime: Moment
    expirationTime: Moment
    monitoringExpiration: Moment
    status: InvoiceState
    additionalStatus: str = Field(description="None, PaidPartial, PaidOver, PaidLate or Marked")
    availableStatusesForManualMarking: list[InvoiceState]
    archived: bool
    metadata: dict[str, Any]
    checkout: CheckoutData


class CheckoutInput(Input):
    expirationMinutes: Minutes | None = None
    monitoringMinutes: Minutes | None = None
    paymentTolerance: PercentText | None = None
    redirectURL: str = ""
    defaultLanguage: str | None = Field(
        default=None,
        max_length=35,
        description="In which language the payer sees the checkout first: `en`, `es`, `ht`, `nl` or `fr`, or one like it such as "
        "`fr-CA`. Left out or not known: the one that the payer's browser prefers",
    )
    paymentMethods: list[str] | None = Field(default=None, description="If given, it must name BTC-LN")
    defaultPaymentMethod: str | None = Field(default=None, description="If given, it must be BTC-LN")
    speedPolicy: str | None = Field(
        default=None,
        description="Accepted for clients of BTCPay Server. It is about confirmations, and Lightning has none.",
    )


class InvoiceInput(Input):
    amount: AmountText | None = Field(
        default=None, description="In major units, as a decimal string. Left out: a top-up invoice, whose payer chooses"
    )
    currency: str | None = Field(default=None, description="Left out: the store's default currency")
    metadata: dict[str, Any] = Field(
        default={}, description="Yours to fill. `orderId` and `itemDesc` are shown in the lists and can be searched."
    )
    checkout: CheckoutInput = CheckoutInput()


class InvoiceUpdateInput(Input):
    metadata: dict[str, Any] = Field(description="Replaces what was there")


class InvoiceMarkInput(Input):
    status: InvoiceState = Field(description="Settled or Invalid")
    reason: str = Field(default="Marked through the API.", max_length=500, description="Stays on record")


class PaymentData(BaseModel):
    id: str = Field(description="The payment hash")
    receivedDate: Moment
    value: str = Field(description="Decimal, in BTC")
    fee: str
    status: str
    destination: str = Field(description="The BOLT 11 invoice that was paid")


class CodeData(BaseModel):
    """The Lightning invoice to pay, as read from the BOLT 11 itself."""

    paymentHash: str
    amountMsat: int | None
    expirationTime: Moment
    state: str


class InvoicePaymentMethodData(BaseModel):
    paymentMethodId: str = LIGHTNING
    currency: str = "BTC"
    destination: str | None = Field(
        description="A BOLT 11 invoice. Flash lets it live a minute: ask again for the next"
    )
    paymentLink: str | None
    rate: str = Field(description="Price of 1 BTC in the invoice's currency, as recorded when it was made")
    paymentMethodPaid: str = Field(description="What arrived, in BTC")
    totalPaid: str = Field(description="How much of the amount that covers, in BTC")
    due: str = Field(description="What is left to pay, in BTC; negative when more came than was asked for")
    amount: str = Field(description="The invoice's amount in BTC")
    paymentMethodFee: str = "0"
    payments: list[PaymentData]
    activated: bool = True
    additionalData: CodeData | None


def invoice_shown(invoice: Invoice) -> InvoiceData:
    currency = currency_get(invoice.currency)
    return InvoiceData(
        id=invoice.pk,
        storeId=invoice.store_id,
        amount=amount_plain(invoice.amount or 0, currency),
        paidAmount=amount_plain(paid_minor(invoice), currency),
        currency=invoice.currency,
        type=invoice.type,
        checkoutLink=checkout_link(invoice),
        createdTime=invoice.created_at,
        expirationTime=invoice.expires_at,
        monitoringExpiration=invoice.monitoring_ends_at,
        status=InvoiceState(invoice_state_now(invoice, timezone.now())),
        additionalStatus=invoice.additional_state,
        availableStatusesForManualMarking=_markable(invoice),
        archived=invoice.archived,
        metadata=invoice.metadata,
        checkout=CheckoutData(
            expirationMinutes=_minutes(invoice.created_at, invoice.expires_at),
            monitoringMinutes=_minutes(invoice.expires_at, invoice.monitoring_ends_at),
            paymentTolerance=invoice.tolerance_bp / BP_PER_PERCENT,
            redirectURL=invoice.redirect_url or None,
            defaultLanguage=invoice.language or None,
        ),
    )


def payment_method_shown(
    invoice: Invoice, code: LightningInvoice | None, payments: list[Payment]
) -> InvoicePaymentMethodData:
    amount_msat = invoice.amount_msat or 0
    return InvoicePaymentMethodData(
        destination=code.bolt11 if code else None,
        paymentLink=f"lightning:{code.bolt11}" if code else None,
        rate=_rate_text(invoice),
        paymentMethodPaid=btc_text(invoice.received_msat),
        totalPaid=btc_text(invoice.credited_msat),
        due=btc_text(amount_msat - invoice.credited_msat),
        amount=btc_text(amount_msat),
        payments=[_payment_shown(payment) for payment in payments],
        additionalData=_code_shown(code) if code else None,
    )


def btc_text(msat: int) -> str:
    """Millisatoshi as a decimal of bitcoin: eight digits, or eleven where there is a part of a sat."""
    sign, msat = ("-", -msat) if msat < 0 else ("", msat)
    whole, part = divmod(msat, MSAT_PER_BTC)
    digits = f"{part:0{_MSAT_DIGITS}d}"
    return f"{sign}{whole}.{digits if msat % MSAT_PER_SAT else digits[:-3]}"


def _code_shown(code: LightningInvoice) -> CodeData:
    return CodeData(
        paymentHash=code.payment_hash,
        amountMsat=code.amount_msat,
        expirationTime=code.expires_at,
        state=code.state,
    )


def _payment_shown(payment: Payment) -> PaymentData:
    return PaymentData(
        id=payment.lightning_invoice.payment_hash,
        receivedDate=payment.settled_at,
        value=btc_text(payment.amount_msat),
        fee="0",
        status="Settled",
        destination=payment.lightning_invoice.bolt11,
    )


def _markable(invoice: Invoice) -> list[InvoiceState]:
    reachable = invoice.TRANSITIONS[InvoiceState(invoice.state)]
    return [state for state in (InvoiceState.SETTLED, InvoiceState.INVALID) if state in reachable]


def _rate_text(invoice: Invoice) -> str:
    rate = invoice.rate
    if rate is None:
        rate = rate_par(currency_get(invoice.currency), invoice.created_at).btc_price
    return format(rate.normalize(), "f")


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds()) // SECONDS_PER_MINUTE
