"""Whether a mail is still worth sending when its time has come: much comes right by itself."""

from __future__ import annotations

from flashpay.invoices.models import Invoice
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.money.rates import UP, msat_from_minor
from flashpay.notices.models import Kind, Mail, MailRule, MailSettings
from flashpay.stores.models import WalletConnection
from flashpay.stores.rates import rate_get
from payouts.models import Payout, PayoutState

SWITCHED_OFF = "The rule for this address was switched off or deleted."
RECEIPTS_OFF = "The store does not send receipts any more."
TOO_SMALL = "The payment was smaller than the rule asks for."
CAME_RIGHT = "It came right by itself in the meantime."
DECIDED = "Somebody has dealt with it in the meantime."


def not_worth_sending(mail: Mail) -> str:
    """Why this mail need not be sent, as a sentence; empty where it has to be."""
    if mail.kind == Kind.RECEIPT:
        off = MailSettings.objects.filter(pk=mail.store_id, receipts_to_buyers=False).exists()
        return RECEIPTS_OFF if off else ""
    if mail.rule is None or not mail.rule.active or mail.kind not in mail.rule.kinds:
        return SWITCHED_OFF
    match mail.kind:
        case Kind.PAID:
            return TOO_SMALL if _too_small(mail.rule, mail.entity_id) else ""
        case Kind.WALLET_BROKEN:
            broken = WalletConnection.objects.filter(pk=mail.entity_id, is_active=True).exclude(last_error="")
            return "" if broken.exists() else CAME_RIGHT
        case Kind.PAYOUT_FAILED:
            return CAME_RIGHT if _payout_is(mail, PayoutState.COMPLETED, PayoutState.IN_PROGRESS) else ""
        case Kind.PAYOUT_APPROVAL:
            return "" if _payout_is(mail, PayoutState.AWAITING_APPROVAL) else DECIDED
        case Kind.PAYOUT_REVIEW:
            return "" if Payout.objects.filter(pk=mail.entity_id, needs_review=True).exists() else CAME_RIGHT
    return ""


def _payout_is(mail: Mail, *states: str) -> bool:
    return Payout.objects.filter(pk=mail.entity_id, state__in=states).exists()


def _too_small(rule: MailRule, invoice_id: str) -> bool:
    """Whether the payment is below the rule's minimum; in doubt (no price at hand) it is not."""
    if rule.minimum is None:
        return False
    invoice = Invoice.objects.get(pk=invoice_id)
    currency = currency_get(rule.minimum_currency)
    if invoice.amount is not None and invoice.currency == currency.code:
        return invoice.amount < rule.minimum
    if currency.is_bitcoin:
        return invoice.received_msat < rule.minimum * MSAT_PER_SAT
    try:
        return invoice.received_msat < msat_from_minor(rule.minimum, rate_get(currency), UP)
    except MoneyError:
        return False
