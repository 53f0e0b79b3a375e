"""A person decides where the evidence does not: with a reason, and above an amount with a second person."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.events import event_record
from flashpay.stores.models import User
from flashpay.stores.selectors import user_may
from payouts.models import (
    ENDED_PAYOUT_STATES,
    AttemptState,
    Grade,
    Payout,
    PayoutAttempt,
    PayoutState,
    ReviewDecision,
    Verdict,
)
from payouts.services.leases import payout_leased
from payouts.services.outcomes import doubt_fail, evidence_store, payout_settle, watchers
from payouts.services.policies import policy_of

SHORTEST_REASON = 10
_NOT_OPEN = "There is nothing to decide about this payout: it is not in doubt."


def payout_decide(*, payout: Payout, user: User, verdict: str, reason: str, now: datetime | None = None) -> bool:
    """Write down what `user` decided about a payout in doubt, and carry it out once enough people decided the same.

    Paid: Completed, without a preimage. Not paid: the attempt failed, and the payout is sent again. That is refused
    while the recipient's invoice lives, for until then a request of ours could still pay it. Returns whether the decision
    was carried out; False means that a second person has to decide the same. Raises Refusal, and then nothing was written.
    """
    now = now or timezone.now()
    if not user_may(user=user, store=payout.store, permission=permissions.MANAGE_PAYOUTS):
        raise Refusal("missing-permission", "Your role in this store does not include decisions about payouts.")
    if verdict not in Verdict.values:
        raise Refusal("invalid-verdict", "Decide that it was paid, or that it was not.", field="verdict")
    reason = _reason(reason, "Say in a sentence how you know. It stays on record.")
    # Nobody may be asking Flash at the same moment: the answer could contradict the decision.
    with payout_leased(payout_id=payout.pk, state=PayoutState.IN_PROGRESS, now=now, due_only=False) as held:
        if held is None:
            payout.refresh_from_db()
            if payout.state != PayoutState.IN_PROGRESS:
                raise Refusal("invalid-state", _NOT_OPEN)
            raise Refusal("busy", "This payout is being looked at in this moment. Try again in a few seconds.")
        attempt = held.attempts.select_related("payout__store").filter(state=AttemptState.UNKNOWN).first()
        if attempt is None:
            raise Refusal("invalid-state", _NOT_OPEN)
        _must_be_decidable(attempt, verdict, now)
        return _decide(attempt, user, verdict, reason[:500], now)


def payout_review_end(*, payout: Payout, reason: str, actor: str, now: datetime | None = None) -> None:
    """Take an ended payout from the list of those to be looked at: somebody has looked. Its state, its money and what was
    found stay as they are. Raises Refusal where it is not ended, nobody has to look, or no reason is given."""
    now = now or timezone.now()
    reason = _reason(reason, "Say in a sentence what you found. It stays on record.")
    with transaction.atomic():
        flagged = Payout.objects.filter(pk=payout.pk, state__in=ENDED_PAYOUT_STATES, needs_review=True)
        if not flagged.update(needs_review=False):
            raise Refusal("invalid-state", "There is nothing to look into about this payout.")
        event_record(
            row=payout,
            type="PayoutReviewed",
            actor=actor,
            at=now,
            evidence={"reason": reason[:500]},
            also=watchers(payout),
        )
    payout.needs_review = False


def reviewers_needed(attempt: PayoutAttempt) -> int:
    """How many different people must decide the same."""
    above_sat = policy_of(attempt.payout.store).second_reviewer_above_sat
    return 2 if above_sat is not None and attempt.amount_msat > above_sat * MSAT_PER_SAT else 1


def _reason(reason: str, asked: str) -> str:
    if len(reason.strip()) < SHORTEST_REASON:
        raise Refusal("reason-needed", asked, field="reason")
    return reason.strip()


def _must_be_decidable(attempt: PayoutAttempt, verdict: str, now: datetime) -> None:
    if verdict == Verdict.NOT_PAID and attempt.expires_at is not None and now < attempt.expires_at:
        until = attempt.expires_at.strftime("%Y-%m-%d %H:%M")
        raise Refusal(
            "still-payable",
            f"The recipient's invoice can still be paid until {until} UTC. Decide afterwards, so that it is not paid twice.",
        )


def _decide(attempt: PayoutAttempt, user: User, verdict: str, reason: str, now: datetime) -> bool:
    payout, actor = attempt.payout, str(user)
    with transaction.atomic():
        ReviewDecision.objects.create(attempt=attempt, user=user, verdict=verdict, reason=reason, at=now)
        event_record(
            row=payout,
            type="PayoutReviewed",
            actor=actor,
            at=now,
            evidence={"attempt": attempt.number, "verdict": verdict, "reason": reason},
            also=watchers(payout),
        )
        newest = {decision.user_id: decision for decision in attempt.decisions.order_by("id")}
        agreeing = [decision for decision in newest.values() if decision.verdict == verdict]
        if len(agreeing) < reviewers_needed(attempt):
            return False
        paid = verdict == Verdict.PAID
        found = evidence_store(
            attempt=attempt,
            source="review",
            says="succeeded" if paid else "failed",
            grade=Grade.DECISION,
            summary=f"{actor} decided: {'it was paid' if paid else 'it was not paid'}. {reason}",
            at=now,
            data={"decisions": [decision.pk for decision in agreeing]},
        )
        if paid:
            return payout_settle(attempt=attempt, evidence=found, actor=actor, now=now)
        sentence = "The shop found out that this was not paid. It is tried again."
        return doubt_fail(attempt=attempt, evidence=found, sentence=sentence, actor=actor, now=now)
