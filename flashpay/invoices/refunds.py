"""What a refund of an invoice comes to, in BTCPay Server's variants. Reading only; `payouts` makes the refund."""

from __future__ import annotations

from enum import StrEnum

from flashpay.invoices.models import Invoice
from flashpay.invoices.selectors import paid_known
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import SAT, Currency, currency_get
from flashpay.money.rates import DOWN, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.rates import rate_get


class RefundVariant(StrEnum):
    RATE_THEN = "RateThen"  # the sats that arrived
    CURRENT_RATE = "CurrentRate"  # what they were worth then, in sats of today
    OVERPAID = "OverpaidAmount"
    FIAT = "Fiat"  # in the invoice's currency, converted when it is claimed
    CUSTOM = "Custom"


def refund_amount(
    *,
    invoice: Invoice,
    variant: RefundVariant,
    subtract_bp: int = 0,
    custom: int | None = None,
    custom_currency: Currency | None = None,
) -> tuple[int, Currency]:
    """The amount to give back, in minor units and their currency, `subtract_bp` hundredths of a percent kept, cut down.

    Raises Refusal where nothing arrived or nothing is left, and NoFreshRate for `CURRENT_RATE`.
    """
    if not 0 <= subtract_bp < 10_000:
        raise Refusal("invalid-percentage", "Less than all of it must be kept.", field="subtractPercentage")
    if not invoice.received_msat:
        raise Refusal("nothing-paid", "Nothing was paid for this invoice, so there is nothing to give back.")
    currency = currency_get(invoice.currency)
    match variant:
        case RefundVariant.CUSTOM:
            if custom is None or custom_currency is None or custom <= 0:
                raise Refusal("invalid-amount", "Say how much to give back.", field="customAmount")
            amount, currency = custom, custom_currency
        case RefundVariant.FIAT:
            amount = _worth(invoice)
        case RefundVariant.CURRENT_RATE if not currency.is_bitcoin:
            amount, currency = msat_from_minor(_worth(invoice), rate_get(currency), DOWN) // MSAT_PER_SAT, SAT
        case RefundVariant.OVERPAID:
            amount, currency = _overpaid_sat(invoice), SAT
        case _:
            amount, currency = invoice.received_msat // MSAT_PER_SAT, SAT
    amount = amount * (10_000 - subtract_bp) // 10_000
    if amount <= 0:
        raise Refusal("invalid-amount", "Nothing would be left to give back.", field="subtractPercentage")
    return amount, currency


def _worth(invoice: Invoice) -> int:
    """What was paid, in minor units of the invoice's own currency, at the rate that it recorded."""
    worth = paid_known(invoice)
    if worth is None:
        raise Refusal("rate-unavailable", "No rate was recorded for this payment. Refund the sats that arrived.")
    return worth


def _overpaid_sat(invoice: Invoice) -> int:
    over_msat = invoice.credited_msat - (invoice.amount_msat or invoice.credited_msat)
    if over_msat <= 0:
        raise Refusal("nothing-overpaid", "Nothing was paid too much for this invoice.")
    # Of what arrived, the share that was too much: Flash's sats and the recorded ones differ a little.
    return invoice.received_msat * over_msat // invoice.credited_msat // MSAT_PER_SAT
