"""Letting a waiting payout go, or calling it off before anything was sent."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from flashpay.refusals import Refusal
from flashpay.stores.events import event_record, transition
from flashpay.stores.models import User
from payouts.models import UNSENT_PAYOUT_STATES, Payout, PayoutApproval, PayoutState, PullPayment
from payouts.services.outcomes import watchers
from payouts.services.queue import payout_enqueue_on_commit

_CHANGED = "This payout has just changed. Look again."
_PAID_AFTER_ALL = (
    "A payment of this payout arrived that had been taken for failed. It cannot be cancelled; nothing more is sent. "
    "If the recipient has the money, mark it as paid."
)


def payout_approve(*, payout: Payout, actor: str, user: User | None = None, now: datetime | None = None) -> bool:
    """One person's approval. The last one needed lets the payout go: AwaitingApproval → AwaitingPayment.

    `user` tells people apart where two different ones are needed; an actor alone is taken for a person of that name.
    Returns whether the payout is on its way now. Raises Refusal from any other state, or for the same person twice.
    """
    now = now or timezone.now()
    if payout.state != PayoutState.AWAITING_APPROVAL:
        raise Refusal("invalid-state", "Only a payout that awaits approval can be approved.")
    person = f"user:{user.pk}" if user else actor
    try:
        with transaction.atomic():
            # Counting is also the lock: of two approvals at once the second counts on from the first.
            waiting = Payout.objects.filter(pk=payout.pk, state=PayoutState.AWAITING_APPROVAL)
            if not waiting.update(approvals=F("approvals") + 1):
                raise Refusal("invalid-state", _CHANGED)
            PayoutApproval.objects.create(payout=payout, person=person, actor=actor, at=now)
            payout.refresh_from_db(fields=["approvals", "approvals_needed"])
            if payout.approvals < payout.approvals_needed:
                event_record(row=payout, type="PayoutApprovedByOne", actor=actor, at=now, also=watchers(payout))
                return False
            _let_go(payout, actor, now)
    except IntegrityError:
        raise Refusal(
            "second-person-needed", "You have approved this payout already. It needs the approval of a second person."
        ) from None
    return True


def payout_cancel(*, payout: Payout, reason: str, actor: str, now: datetime | None = None) -> None:
    """Cancel a payout that nothing was sent for, and give its amount back to the pull payment. Raises Refusal once a
    send has begun: then only evidence ends it; and where a payment of it arrived that had been taken for failed
    (`needs-review`): its amount must not be free for a second claim."""
    now = now or timezone.now()
    if payout.state not in UNSENT_PAYOUT_STATES:
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
            raise Refusal("invalid-state", _CHANGED)
        # From here on the row is ours until the commit, whatever was found out about it meanwhile.
        if Payout.objects.filter(pk=payout.pk, needs_review=True).exists():
            raise Refusal("needs-review", _PAID_AFTER_ALL)
        if payout.pull_payment_id:
            # A collecting payout may have grown since it was read.
            payout.refresh_from_db(fields=["amount"])
            claims = max(1, payout.parts.count())
            PullPayment.objects.filter(pk=payout.pull_payment_id).update(
                claimed=F("claimed") - payout.amount, claims=Greatest(F("claims") - claims, 0)
            )


def payout_drop(*, payout: Payout, reason: str, now: datetime) -> bool:
    """Cancel by itself what can never be paid, because its invoice is dead. False, and nothing happened, when somebody moved
    it in this moment, or has to look at it: then it may have been paid already, and its amount must not be free again."""
    try:
        payout_cancel(payout=payout, reason=reason, actor="system", now=now)
    except Refusal:
        payout.refresh_from_db()
        return False
    return True


def _let_go(payout: Payout, actor: str, now: datetime) -> None:
    if not transition(
        payout,
        PayoutState.AWAITING_PAYMENT,
        at=now,
        type="PayoutApproved",
        actor=actor,
        also=watchers(payout),
        due_at=now,
    ):
        raise Refusal("invalid-state", _CHANGED)
    payout_enqueue_on_commit(payout.pk)
