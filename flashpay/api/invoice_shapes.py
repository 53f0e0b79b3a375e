"""What an invoice looks like in JSON, coming and going; names as in BTCPay Server."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.utils import timezone
from pydantic import BaseModel, Field

from flashpay.api.payment_methods import LIGHTNING
from flashpay.api.stores import BP_PER_PERCENT
from flashpay.api.wire import AmountText, CurrencyCode, Input, InvoiceId, Moment, PercentText, StoreId
from flashpay.invoices.models import (
    AdditionalState,
    Invoice,
    InvoiceState,
    InvoiceType,
    LightningInvoice,
    LightningInvoiceState,
    Payment,
)
from flashpay.invoices.selectors import checkout_link, invoice_state_now, paid_known
from flashpay.money.amounts import MSAT_PER_BTC, MSAT_PER_SAT, amount_plain
from flashpay.money.currencies import currency_get
from flashpay.money.rates import rate_par

SECONDS_PER_MINUTE = 60
ORDER_ID_LENGTH = 200
DESCRIPTION_LENGTH = 500
_MSAT_DIGITS = 11
# For the documentation.
_HASH = "4091e5030e6232da08dd0dc3daa77a6100457d5e6dea3c368138fec57047af6e"
Minutes = Annotated[int, Field(ge=0, le=10_000_000)]


class CheckoutData(BaseModel):
    expirationMinutes: int = Field(examples=[15])
    monitoringMinutes: int = Field(examples=[1440])
    paymentTolerance: float = Field(examples=[0.0])
    redirectURL: str | None = Field(examples=["https://shop.example/thanks?order={OrderId}"])
    redirectAutomatically: bool
    defaultLanguage: str | None
    paymentMethods: list[str] = [LIGHTNING]
    defaultPaymentMethod: str = LIGHTNING
    lazyPaymentMethods: bool = False
    speedPolicy: str = Field(default="HighSpeed", description="Lightning needs no confirmations")


class InvoiceData(BaseModel):
    id: InvoiceId
    storeId: StoreId
    amount: str = Field(description="Decimal, in `currency`; 0 for a top-up invoice", examples=["12.34"])
    paidAmount: str = Field(
        description="How much of the amount is covered by what was paid; of a top-up invoice, what that was worth",
        examples=["0.00"],
    )
    currency: CurrencyCode
    type: InvoiceType
    checkoutLink: str = Field(examples=["https://pay.example/i/Qd3rTn8vYpKc5WmZxBh6Es"])
    createdTime: Moment
    expirationTime: Moment = Field(examples=[1_779_279_300])
    monitoringExpiration: Moment = Field(examples=[1_779_365_700])
    status: InvoiceState
    additionalStatus: AdditionalState
    availableStatusesForManualMarking: list[InvoiceState] = Field(examples=[["Settled", "Invalid"]])
    archived: bool
    metadata: dict[str, Any] = Field(examples=[{"orderId": "A-17", "itemDesc": "Two coffees"}])
    checkout: CheckoutData
    paymentMethods: list[InvoicePaymentMethodData] | None = Field(
        default=None, description="With includePaymentMethods=true"
    )


class CheckoutInput(Input):
    expirationMinutes: Minutes | None = None
    monitoringMinutes: Minutes | None = None
    paymentTolerance: PercentText | None = None
    redirectURL: str = Field(
        default="", description="Where the payer goes back to; `{InvoiceId}` and `{OrderId}` in it are filled in"
    )
    redirectAutomatically: bool = Field(
        default=False, description="The checkout goes there by itself, a moment after it was paid"
    )
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
    lazyPaymentMethods: bool | None = Field(
        default=None, description="Accepted likewise: a Lightning code is made when somebody looks, and not before"
    )
    requiresRefundEmail: bool | None = Field(
        default=None,
        description="Accepted for older clients of BTCPay Server, which does not ask for it any more either",
    )


class InvoiceInput(Input):
    amount: AmountText | None = Field(
        default=None,
        description="In major units, as a decimal string. Left out: a top-up invoice, whose payer chooses",
        examples=["12.34"],
    )
    currency: str | None = Field(default=None, description="Left out: the store's default currency", examples=["USD"])
    metadata: dict[str, Any] = Field(
        default={},
        description="Yours to fill. `orderId` and `itemDesc` are shown in the lists and can be searched.",
        examples=[{"orderId": "A-17", "itemDesc": "Two coffees"}],
    )
    checkout: CheckoutInput = Field(
        default=CheckoutInput(),
        examples=[{"redirectURL": "https://shop.example/thanks?order={OrderId}", "expirationMinutes": 15}],
    )


class InvoiceUpdateInput(Input):
    metadata: dict[str, Any] = Field(description="Replaces what was there", examples=[{"orderId": "A-17", "table": 4}])


class InvoiceMarkInput(Input):
    status: InvoiceState = Field(description="Settled or Invalid", examples=["Settled"])
    reason: str = Field(
        default="Marked through the API.", max_length=500, description="Stays on record", examples=["Paid in cash."]
    )


class PaymentData(BaseModel):
    id: str = Field(description="The payment hash", examples=[_HASH])
    receivedDate: Moment = Field(examples=[1_779_278_460])
    value: str = Field(description="Decimal, in BTC", examples=["0.00005000"])
    fee: str = "0"
    status: str = "Settled"
    destination: str = Field(description="The BOLT 11 invoice that was paid", examples=["lnbc50u1p…"])


class CodeData(BaseModel):
    """The Lightning invoice to pay, as read from the BOLT 11 itself."""

    paymentHash: str = Field(examples=[_HASH])
    amountMsat: int | None = Field(examples=[10_425_000])
    expirationTime: Moment = Field(examples=[1_779_278_520])
    state: LightningInvoiceState


class InvoicePaymentMethodData(BaseModel):
    paymentMethodId: str = LIGHTNING
    currency: str = "BTC"
    destination: str | None = Field(
        description="A BOLT 11 invoice. Flash lets it live a minute: ask again for the next",
        examples=["lnbc104250n1p…"],
    )
    paymentLink: str | None = Field(examples=["lightning:lnbc104250n1p…"])
    rate: str = Field(
        description="Price of 1 BTC in the invoice's currency, as recorded when it was made", examples=["80000"]
    )
    paymentMethodPaid: str = Field(description="What arrived, in BTC", examples=["0.00005000"])
    totalPaid: str = Field(description="How much of the amount that covers, in BTC", examples=["0.00005000"])
    due: str = Field(
        description="What is left to pay, in BTC; negative when more came than was asked for", examples=["0.00010425"]
    )
    amount: str = Field(description="The invoice's amount in BTC", examples=["0.00015425"])
    paymentMethodFee: str = "0"
    payments: list[PaymentData]
    activated: bool = True
    additionalData: CodeData | None


def invoice_shown(invoice: Invoice, methods: list[InvoicePaymentMethodData] | None = None) -> InvoiceData:
    currency = currency_get(invoice.currency)
    return InvoiceData(
        id=invoice.pk,
        storeId=invoice.store_id,
        amount=amount_plain(invoice.amount or 0, currency),
        paidAmount=amount_plain(paid_known(invoice) or 0, currency),
        currency=invoice.currency,
        type=InvoiceType(invoice.type),
        checkoutLink=checkout_link(invoice),
        createdTime=invoice.created_at,
        expirationTime=invoice.expires_at,
        monitoringExpiration=invoice.monitoring_ends_at,
        status=InvoiceState(invoice_state_now(invoice, timezone.now())),
        additionalStatus=AdditionalState(invoice.additional_state),
        availableStatusesForManualMarking=_markable(invoice),
        archived=invoice.archived,
        metadata=invoice.metadata,
        checkout=CheckoutData(
            expirationMinutes=_minutes(invoice.created_at, invoice.expires_at),
            monitoringMinutes=_minutes(invoice.expires_at, invoice.monitoring_ends_at),
            paymentTolerance=invoice.tolerance_bp / BP_PER_PERCENT,
            redirectURL=invoice.redirect_url or None,
            redirectAutomatically=invoice.redirect_automatically,
            defaultLanguage=invoice.language or None,
        ),
        paymentMethods=methods,
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
        state=LightningInvoiceState(code.state),
    )


def _payment_shown(payment: Payment) -> PaymentData:
    return PaymentData(
        id=payment.lightning_invoice.payment_hash,
        receivedDate=payment.settled_at,
        value=btc_text(payment.amount_msat),
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
