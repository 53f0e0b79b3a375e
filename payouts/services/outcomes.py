"""The three ends of an attempt: it succeeded, it failed, or nobody knows yet. Each on stored evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from flashpay import lightning
from flashpay.stores.events import transition
from payouts.models import (
    OPEN_ATTEMPT_STATES,
    AttemptEvidence,
    AttemptState,
    Grade,
    Payout,
    PayoutAttempt,
    PayoutState,
)

# After a proven failure: soon for the first ones, then patiently. Nothing is at stake but time.
_RETRY_AFTER = [timedelta(seconds=s) for s in (15, 60, 5 * 60, 15 * 60, 60 * 60)]
# While in doubt: evidence comes late, and each look costs requests that others need too.
_LOOK_AFTER = [timedelta(seconds=s) for s in (5, 10, 20, 40, 60, 120, 300, 600)]


def evidence_store(
    *,
    attempt: PayoutAttempt,
    source: str,
    says: str,
    grade: Grade,
    summary: str,
    at: datetime,
    data: Mapping[str, Any] | None = None,
) -> AttemptEvidence:
    """Keep what was found out about an attempt; the same finding from the same source once."""
    last = attempt.evidence.filter(source=source).last()
    if last is not None and (last.says, last.grade, last.summary) == (says, grade, summary[:500]):
        return last
    return AttemptEvidence.objects.create(
        attempt=attempt, source=source, says=says, grade=grade, summary=summary[:500], data=dict(data or {}), at=at
    )


def payout_settle(
    *,
    attempt: PayoutAttempt,
    evidence: AttemptEvidence,
    preimage: str = "",
    fee_msat: int | None = None,
    actor: str = "system",
    now: datetime,
) -> bool:
    """The attempt is proved paid: attempt succeeded, payout Completed. False when it had ended before.

    A preimage is kept only if it hashes to the attempt's payment hash.
    """
    payout = attempt.payout
    kept = preimage if preimage and lightning.preimage_matches(preimage, attempt.payment_hash) else attempt.preimage
    with transaction.atomic():
        if not _end_attempt(
            attempt,
            AttemptState.SUCCEEDED,
            at=now,
            type="AttemptSucceeded",
            actor=actor,
            evidence={"id": evidence.pk, "summary": evidence.summary},
            ended_at=now,
            preimage=kept.lower(),
            fee_msat=fee_msat if fee_msat is not None else attempt.fee_msat,
        ):
            return False
        payout.state = PayoutState.IN_PROGRESS  # where an open attempt's payout is; the row may have been read before
        transition(
            payout,
            PayoutState.COMPLETED,
            at=now,
            type="PayoutCompleted",
            actor=actor,
            evidence={"payment_hash": attempt.payment_hash, "summary": evidence.summary},
            also=watchers(payout),
            completed_at=now,
            needs_review=False,
            reason="",
        )
    return True


def payout_fail(
    *, attempt: PayoutAttempt, source: str, sentence: str, now: datetime, data: Mapping[str, Any] | None = None
) -> bool:
    """The attempt's first and only request was refused in a way that proves that no money moved.

    Back to AwaitingPayment, to be tried again later. False, and nothing happened, when somebody has repeated the request
    or ended the attempt in the meantime: then the refusal proves nothing about the other request.
    """
    if attempt.state not in (AttemptState.PREPARED, AttemptState.SENT):
        return False
    with transaction.atomic():
        ended = transition(
            attempt, AttemptState.FAILED, at=now, type="AttemptFailed", evidence={"summary": sentence}, ended_at=now
        )
        if ended:
            evidence_store(
                attempt=attempt, source=source, says="failed", grade=Grade.PROOF, summary=sentence, at=now, data=data
            )
            _back_to_waiting(attempt, sentence, "system", now)
    return ended


def doubt_fail(
    *, attempt: PayoutAttempt, evidence: AttemptEvidence, sentence: str, actor: str = "system", now: datetime
) -> bool:
    """End an attempt in doubt as failed: on a person's decision, or on strong evidence where the owner wants that.

    False when it had ended before. Raises ValueError for evidence that is a mere hint.
    """
    if evidence.grade == Grade.HINT or evidence.says != "failed":
        raise ValueError("an attempt does not fail on a hint")
    with transaction.atomic():
        ended = transition(
            attempt,
            AttemptState.FAILED,
            at=now,
            type="AttemptFailed",
            actor=actor,
            evidence={"id": evidence.pk, "summary": evidence.summary},
            ended_at=now,
        )
        if ended:
            _back_to_waiting(attempt, sentence, actor, now)
    return ended


def attempt_mark_unknown(*, attempt: PayoutAttempt, sentence: str, now: datetime) -> None:
    """Nobody knows whether the money moved: the payout stays in flight and reserved, and the reconciler looks on."""
    if attempt.state == AttemptState.SENT:
        transition(attempt, AttemptState.UNKNOWN, at=now, type="AttemptUnknown", evidence={"reason": sentence})
    look_again(payout=attempt.payout, attempt=attempt, sentence=sentence, now=now)


def look_again(*, payout: Payout, attempt: PayoutAttempt, sentence: str, now: datetime) -> None:
    """Schedule the next look at an attempt in doubt, later each time."""
    age = now - (attempt.sent_at or attempt.prepared_at)
    wait = next((step for step in _LOOK_AFTER if age < step * 3), _LOOK_AFTER[-1])
    Payout.objects.filter(pk=payout.pk, state=PayoutState.IN_PROGRESS).update(reason=sentence[:500], due_at=now + wait)


def _end_attempt(attempt: PayoutAttempt, to: AttemptState, **facts: Any) -> bool:
    """Move an attempt from whatever open state it is in by now; a worker's proof counts though another one looked on."""
    for _ in OPEN_ATTEMPT_STATES:
        if to in attempt.TRANSITIONS.get(AttemptState(attempt.state), ()) and transition(attempt, to, **facts):
            return True
        attempt.refresh_from_db(fields=["state"])
        if attempt.state not in OPEN_ATTEMPT_STATES:
            return False
    return False


def _back_to_waiting(attempt: PayoutAttempt, sentence: str, actor: str, now: datetime) -> None:
    payout = attempt.payout
    payout.state = PayoutState.IN_PROGRESS
    wait = _RETRY_AFTER[min(attempt.number - 1, len(_RETRY_AFTER) - 1)]
    transition(
        payout,
        PayoutState.AWAITING_PAYMENT,
        at=now,
        type="PayoutSendFailed",
        actor=actor,
        evidence={"reason": sentence},
        also=watchers(payout),
        reason=sentence[:500],
        needs_review=False,
        due_at=now + wait,
    )


def watchers(payout: Payout) -> list[str]:
    """The live channels that show this payout beside its own."""
    return [f"pullpayment:{payout.pull_payment_id}"] if payout.pull_payment_id else []
