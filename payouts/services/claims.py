"""Claiming from a pull payment: checked and reserved in one transaction, approved or cancelled by conditional updates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn, cast

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from flashpay import lightning
from flashpay.money.amounts import MSAT_PER_SAT, amount_format, msat_format
from flashpay.money.currencies import Currency, currency_get
from flashpay.money.rates import DOWN, UP, Rate, minor_from_msat, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record, transition
from flashpay.stores.models import PaymentHash, WalletConnection
from flashpay.stores.rates import rate_get
from payouts.models import DestinationKind, Payout, PayoutState, PullPayment
from payouts.selectors import paying_wallet_of, pull_payment_check_active
from payouts.services.outcomes import watchers
from payouts.services.queue import payout_enqueue_on_commit

# A recipient's invoice must live long enough to be sent after the queue: many wallets give a minute.
SHORTEST_LIFE = timedelta(seconds=20)


@dataclass(frozen=True)
class _Claim:
    """What a claim comes to: minor units to reserve, millisatoshi to send, and the rate between them."""

    amount: int
    amount_msat: int
    rate: Rate | None


def payout_claim(
    *,
    pull_payment: PullPayment,
    bolt11: str,
    amount: int | None = None,
    allow_amountless: bool = True,
    actor: str = "recipient",
    now: datetime | None = None,
) -> Payout:
    """Claim from a pull payment with a BOLT 11; the sending follows by itself where claims are approved automatically.

    `amount` (minor units) is for an invoice without an amount and defaults to what is left; one that the invoice exceeds
    is refused. LNURL-withdraw takes no invoice without an amount (LUD-03), hence `allow_amountless`. The same invoice
    again gets the same payout, at the same moment or later. Raises Refusal or MoneyError, and then nothing was reserved;
    the codes are BTCPay Server's (`overdraft`, `amount-too-low`, `duplicate-destination`, `expired`, …).
    """
    now = now or timezone.now()
    invoice = _read(bolt11)
    # Before anything that time changes: a repeated callback gets the first one's answer, even after the invoice expired.
    known = _claimed_before(pull_payment, invoice.payment_hash)
    if known is not None:
        return known
    connection = paying_wallet_of(pull_payment.store)
    _check_invoice(invoice, connection, allow_amountless, now)
    pull_payment_check_active(pull_payment, now)
    currency = currency_get(pull_payment.currency)
    claim = _size(pull_payment, currency, invoice, amount)
    _check_size(pull_payment, currency, claim, connection)
    try:
        return _create(pull_payment, invoice, claim, currency, actor, now)
    except Refusal:
        # The same invoice may have come twice at once, and the first one took what was left: then this is its payout.
        known = _claimed_before(pull_payment, invoice.payment_hash)
        if known is None:
            raise
        return known


def _create(
    pull_payment: PullPayment,
    invoice: lightning.LightningInvoice,
    claim: _Claim,
    currency: Currency,
    actor: str,
    now: datetime,
) -> Payout:
    """Reserve the amount and the payment hash and write the payout, all or nothing. Raises Refusal."""
    with transaction.atomic():
        _reserve(pull_payment, claim.amount, currency, now)
        payout = Payout.objects.create(
            store_id=pull_payment.store_id,
            pull_payment=pull_payment,
            destination_kind=DestinationKind.BOLT11,
            destination=invoice.bolt11,
            currency=currency.code,
            amount=claim.amount,
            amount_msat=claim.amount_msat,
            rate=claim.rate.btc_price if claim.rate else None,
            rate_source=claim.rate.source if claim.rate else "",
            rate_at=claim.rate.at if claim.rate else None,
            state=PayoutState.AWAITING_PAYMENT if pull_payment.auto_approve else PayoutState.AWAITING_APPROVAL,
            created_by=actor,
            created_at=now,
            due_at=now,
        )
        hash_row, ours = PaymentHash.objects.get_or_create(
            payment_hash=invoice.payment_hash, defaults={"owner": "payout", "owner_id": payout.pk, "at": now}
        )
        if not ours:
            _refuse_hash(hash_row)
        event_record(row=payout, type="PayoutCreated", after=payout.state, actor=actor, at=now, also=watchers(payout))
        if payout.state == PayoutState.AWAITING_PAYMENT:
            payout_enqueue_on_commit(payout.pk)
    return payout


def payout_approve(*, payout: Payout, actor: str, now: datetime | None = None) -> None:
    """AwaitingApproval → AwaitingPayment, and on its way. Raises Refusal from any other state."""
    now = now or timezone.now()
    if payout.state != PayoutState.AWAITING_APPROVAL:
        raise Refusal("invalid-state", "Only a payout that awaits approval can be approved.")
    with transaction.atomic():
        if not transition(
            payout,
            PayoutState.AWAITING_PAYMENT,
            at=now,
            type="PayoutApproved",
            actor=actor,
            also=watchers(payout),
            due_at=now,
        ):
            raise Refusal("invalid-state", "This payout has just changed. Look again.")
        payout_enqueue_on_commit(payout.pk)


def payout_cancel(*, payout: Payout, reason: str, actor: str, now: datetime | None = None) -> None:
    """Cancel a payout that nothing was sent for, and give its amount back to the pull payment. Raises Refusal once a
    send has begun: then only evidence ends it."""
    now = now or timezone.now()
    if payout.state not in (PayoutState.AWAITING_APPROVAL, PayoutState.AWAITING_PAYMENT):
        raise Refusal("invalid-state", "This payout cannot be cancelled any more: its sending has begun.")
    with transaction.atomic():
        if not transition(
            payout,
            PayoutState.CANCELLED,
            at=now,
            type="PayoutCancelled",
            actor=actor,
            also=watchers(payout),
            evidence={"reason": reason},
            reason=reason[:500],
        ):
            raise Refusal("invalid-state", "This payout has just changed. Look again.")
        if payout.pull_payment_id:
            PullPayment.objects.filter(pk=payout.pull_payment_id).update(claimed=F("claimed") - payout.amount)


def _read(bolt11: str) -> lightning.LightningInvoice:
    try:
        return lightning.invoice_read(bolt11)
    except lightning.InvalidInvoice as error:
        raise Refusal("invalid-destination", error.sentence, field="destination") from error


def _check_invoice(
    invoice: lightning.LightningInvoice, connection: WalletConnection, allow_amountless: bool, now: datetime
) -> None:
    try:
        lightning.invoice_check(
            invoice,
            network=cast(lightning.Network, connection.network),
            now=now,
            allow_amountless=allow_amountless,
            margin_s=int(SHORTEST_LIFE.total_seconds()),
        )
    except lightning.InvalidInvoice as error:
        raise Refusal("invalid-destination", error.sentence, field="destination") from error


def _claimed_before(pull_payment: PullPayment, payment_hash: str) -> Payout | None:
    """The payout that this invoice made earlier: a wallet may repeat its callback and must get the same answer.

    Raises Refusal when the hash belongs to anything else.
    """
    row = PaymentHash.objects.filter(payment_hash=payment_hash).first()
    if row is None:
        return None
    payout = Payout.objects.filter(pk=row.owner_id).first() if row.owner == "payout" else None
    if payout is None or payout.pull_payment_id != pull_payment.pk or payout.state == PayoutState.CANCELLED:
        _refuse_hash(row)
    return payout


def _refuse_hash(row: PaymentHash) -> NoReturn:
    sentence = "This invoice was used for a claim before. Make a new one in your wallet."
    if row.owner == "invoice":
        sentence = "This is an invoice of this shop itself. Use one from your own wallet."
    raise Refusal("duplicate-destination", sentence, field="destination")


def _size(
    pull_payment: PullPayment, currency: Currency, invoice: lightning.LightningInvoice, amount: int | None
) -> _Claim:
    rate = None if currency.is_bitcoin else rate_get(currency)
    if invoice.amount_msat is None:
        wanted = pull_payment.remaining if amount is None else amount
        if wanted <= 0:
            raise Refusal("overdraft", "Nothing is left to claim.")
        return _Claim(wanted, wanted * MSAT_PER_SAT if rate is None else msat_from_minor(wanted, rate, DOWN), rate)
    if rate is None:
        # A started sat is reserved whole.
        reserved = -(-invoice.amount_msat // MSAT_PER_SAT)
    else:
        reserved = minor_from_msat(invoice.amount_msat, rate, UP)
    if amount is not None and reserved > amount:
        raise Refusal(
            "invalid-destination",
            f"The invoice is over {msat_format(invoice.amount_msat)}, more than the amount to claim.",
            field="amount",
        )
    return _Claim(reserved, invoice.amount_msat, rate)


def _check_size(pull_payment: PullPayment, currency: Currency, claim: _Claim, connection: WalletConnection) -> None:
    minimum_msat = connection.minimum_sat * MSAT_PER_SAT
    if claim.amount_msat < minimum_msat:
        raise Refusal(
            "amount-too-low",
            f"The smallest amount that can be paid out is {msat_format(minimum_msat)}; "
            f"this claim is over {msat_format(claim.amount_msat)}.",
            field="amount",
        )
    if claim.amount < pull_payment.minimum_claim:
        least = amount_format(pull_payment.minimum_claim, currency)
        raise Refusal("amount-too-low", f"The smallest claim here is {least}.", field="amount")


def _reserve(pull_payment: PullPayment, amount: int, currency: Currency, now: datetime) -> None:
    """Take `amount` out of what is left, whoever else claims at this moment. Raises Refusal (`overdraft`)."""
    reserved = PullPayment.objects.filter(
        pk=pull_payment.pk, archived_at=None, paused=False, claimed__lte=F("amount") - amount
    ).update(claimed=F("claimed") + amount)
    if reserved:
        return
    pull_payment.refresh_from_db()
    pull_payment_check_active(pull_payment, now)
    left = amount_format(pull_payment.remaining, currency)
    raise Refusal("overdraft", f"That is more than what is left to claim here: {left}.", field="amount")
