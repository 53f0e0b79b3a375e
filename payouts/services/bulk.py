"""Writing many payouts at once, in a handful of queries however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flashpay.money.currencies import Currency
from flashpay.stores.events import events_record
from flashpay.stores.models import PaymentHash, Store
from payouts.models import Payout, PayoutState
from payouts.services.claims import payout_new
from payouts.services.queue import payout_enqueue_on_commit
from payouts.services.sizing import Claim
from payouts.services.targets import Target

_ROWS_AT_ONCE = 500
# The workers get these at once and the rest from the sweep, so that a large batch does not stand in the queue before a
# recipient who claims meanwhile.
_SENT_AT_ONCE = 20


@dataclass(frozen=True)
class Planned:
    """One payout to be written. `key` makes it the only one of its kind (`Payout.claim_key`)."""

    target: Target
    claim: Claim
    currency: Currency
    approvals_needed: int
    key: str


def payouts_write(*, store: Store, planned: Sequence[Planned], actor: str, now: datetime) -> list[Payout]:
    """Write all of them inside the caller's transaction, with their payment hashes and events, in the given order.

    Raises IntegrityError when one of the payment hashes or keys is taken: then the transaction is over, and nothing of
    this was written.
    """
    payouts = [
        payout_new(
            store=store,
            target=plan.target,
            claim=plan.claim,
            currency=plan.currency,
            actor=actor,
            now=now,
            claim_key=plan.key,
            approvals_needed=plan.approvals_needed,
        )
        for plan in planned
    ]
    Payout.objects.bulk_create(payouts, batch_size=_ROWS_AT_ONCE)
    PaymentHash.objects.bulk_create(
        (
            PaymentHash(payment_hash=plan.target.invoice.payment_hash, owner="payout", owner_id=payout.pk, at=now)
            for plan, payout in zip(planned, payouts, strict=True)
            if plan.target.invoice is not None
        ),
        batch_size=_ROWS_AT_ONCE,
    )
    events_record(rows=payouts, type="PayoutCreated", actor=actor, at=now)
    for payout in [each for each in payouts if each.state == PayoutState.AWAITING_PAYMENT][:_SENT_AT_ONCE]:
        payout_enqueue_on_commit(payout.pk)
    return payouts
