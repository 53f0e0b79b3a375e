"""Payouts that a merchant makes directly, without a pull payment: to an invoice, an LNURL or a Lightning Address."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import Currency
from flashpay.refusals import Refusal
from flashpay.stores.models import PaymentHash, Store
from flashpay.stores.rates import rate_get
from payouts.models import Payout, PayoutState
from payouts.selectors import paying_wallet_of
from payouts.services.claims import invoice_usable, payout_row
from payouts.services.policies import approvals_by_rule, policy_of
from payouts.services.sizing import claim_size
from payouts.services.targets import Target, target_read


def payout_create(
    *,
    store: Store,
    destination: str,
    currency: Currency,
    amount: int | None = None,
    approved: bool = True,
    request_key: str = "",
    actor: str,
    now: datetime | None = None,
) -> Payout:
    """Pay `destination` from the store's wallet: AwaitingPayment at once, or AwaitingApproval unless `approved`, and for
    an amount that the store's rules let nobody send without approval.

    `amount` (minor units of `currency`) is needed for what names no amount itself. The same invoice, or the same
    `request_key`, gets the same payout. Raises Refusal or MoneyError, and then nothing was written.
    """
    now = now or timezone.now()
    target = target_read(destination)
    key = hashlib.sha256(f"{store.pk}:{request_key}".encode()).hexdigest() if request_key else None
    known = _made_before(store, target, key)
    if known is not None:
        return known
    wallet = paying_wallet_of(store)
    if target.invoice is not None:
        invoice_usable(target.invoice, wallet, True, now)
    rate = None if currency.is_bitcoin else rate_get(currency)
    claim = claim_size(target=target, currency=currency, rate=rate, amount=amount, remaining=None)
    if claim.amount_msat < wallet.minimum_sat * MSAT_PER_SAT:
        least = msat_format(wallet.minimum_sat * MSAT_PER_SAT)
        raise Refusal("amount-too-low", f"The smallest amount that can be paid out is {least}.", field="amount")
    needed = max(0 if approved else 1, approvals_by_rule(policy_of(store), claim.amount_msat))
    try:
        with transaction.atomic():
            return payout_row(
                store=store,
                target=target,
                claim=claim,
                currency=currency,
                actor=actor,
                now=now,
                claim_key=key,
                approvals_needed=needed,
            )
    except IntegrityError:
        known = _made_before(store, target, key)
        if known is None:
            raise
        return known


def _made_before(store: Store, target: Target, key: str | None) -> Payout | None:
    if key is not None:
        by_key = Payout.objects.filter(claim_key=key).first()
        if by_key is not None:
            return by_key
    if target.invoice is None:
        return None
    row = PaymentHash.objects.filter(payment_hash=target.invoice.payment_hash, owner="payout").first()
    if row is None:
        return None
    return (
        Payout.objects.filter(pk=row.owner_id, store=store, pull_payment=None)
        .exclude(state=PayoutState.CANCELLED)
        .first()
    )
