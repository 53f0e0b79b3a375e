"""Making and ending pull payments."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import Currency
from flashpay.money.rates import DOWN, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_of
from payouts.models import PayoutState, PullPayment
from payouts.services.claims import payout_cancel


def pull_payment_create(
    *,
    store: Store,
    amount: int,
    currency: Currency,
    actor: str,
    name: str = "",
    description: str = "",
    auto_approve: bool = True,
    minimum_claim: int = 0,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> PullPayment:
    """Make a pull payment over `amount` minor units of `currency`.

    Raises Refusal when nobody could ever claim it (below the wallet's minimum, dates in the wrong order), and
    NoFreshRate where a fiat amount cannot be held against the minimum.
    """
    now = now or timezone.now()
    starts_at = starts_at or now
    if amount <= 0:
        raise Refusal("invalid-amount", "A pull payment needs an amount above zero.", field="amount")
    if len(name) > 50:
        raise Refusal("invalid-name", "The name may have 50 characters.", field="name")
    if not 0 <= minimum_claim <= amount:
        raise Refusal("invalid-minimum", "The smallest claim cannot be larger than the amount.", field="minimumClaim")
    if expires_at is not None and expires_at <= max(starts_at, now):
        raise Refusal("invalid-dates", "It would expire before anybody could claim it.", field="expiresAt")
    _check_wallet(store, amount, currency)
    with transaction.atomic():
        pull_payment = PullPayment.objects.create(
            store=store,
            name=name.strip(),
            description=description,
            currency=currency.code,
            amount=amount,
            minimum_claim=minimum_claim,
            auto_approve=auto_approve,
            starts_at=starts_at,
            expires_at=expires_at,
            created_by=actor,
            created_at=now,
        )
        event_record(row=pull_payment, type="PullPaymentCreated", actor=actor, at=now)
    return pull_payment


def pull_payment_archive(*, pull_payment: PullPayment, actor: str, now: datetime | None = None) -> None:
    """End a pull payment: no new claims; claims not yet sent are cancelled, those in flight are left to their end."""
    now = now or timezone.now()
    with transaction.atomic():
        archived = PullPayment.objects.filter(pk=pull_payment.pk, archived_at=None).update(archived_at=now)
        if not archived:
            return
        pull_payment.archived_at = now
        event_record(row=pull_payment, type="PullPaymentArchived", actor=actor, at=now)
    waiting = pull_payment.payouts.filter(state__in=[PayoutState.AWAITING_APPROVAL, PayoutState.AWAITING_PAYMENT])
    for payout in waiting:
        try:
            payout_cancel(payout=payout, reason="The pull payment was archived.", actor=actor, now=now)
        except Refusal:
            continue  # its sending began in this moment: it goes to its end


def _check_wallet(store: Store, amount: int, currency: Currency) -> None:
    connection = wallet_of(store)
    if not connection.can_send:
        raise Refusal(
            "wallet-receives-only",
            "This store's wallet can only receive. Connect it with an API key or a session token to pay out.",
        )
    rate = None if currency.is_bitcoin else rate_get(currency)
    amount_msat = amount * MSAT_PER_SAT if rate is None else msat_from_minor(amount, rate, DOWN)
    minimum_msat = connection.minimum_sat * MSAT_PER_SAT
    if amount_msat < minimum_msat:
        raise Refusal(
            "amount-too-low",
            f"Nobody could claim this: Flash's Lightning network takes {msat_format(minimum_msat)} at least.",
            field="amount",
        )
