"""What a person says of a payout that FlashPay itself did not pay: that it was paid in another way, or what belongs to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from flashpay.refusals import Refusal
from flashpay.stores.events import event_record, transition
from payouts.models import Payout, PayoutState
from payouts.services.outcomes import watchers
from payouts.services.reviewing import SHORTEST_REASON

# Room for a program's own notes; beyond it somebody is storing files.
METADATA_BYTES = 16 * 1024


def payout_mark_paid(*, payout: Payout, reason: str, actor: str, now: datetime | None = None) -> None:
    """Take a payout out of the queue because it was paid in another way: AwaitingPayment → Completed, without an attempt.

    Never while an attempt is open: such a payout is InProgress, and only evidence or a review ends it. A sender that takes
    it at this very moment wins or loses, never both. Raises Refusal, and then nothing was changed.
    """
    now = now or timezone.now()
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise Refusal("invalid-reason", "Say in a sentence how it was paid. It stays on record.", field="reason")
    if payout.state != PayoutState.AWAITING_PAYMENT:
        raise Refusal(
            "invalid-state",
            "Only a payout that awaits its payment can be marked as paid. One in flight is ended by evidence alone.",
        )
    if not transition(
        payout,
        PayoutState.COMPLETED,
        at=now,
        type="PayoutMarkedPaid",
        actor=actor,
        also=watchers(payout),
        evidence={"reason": reason},
        reason=reason[:500],
        completed_at=now,
        needs_review=False,
    ):
        raise Refusal("invalid-state", "This payout has just changed. Look again.")


def payout_note(*, payout: Payout, metadata: Mapping[str, Any], actor: str, now: datetime | None = None) -> None:
    """Keep a program's own notes with a payout, in place of what was there. Raises Refusal where they are too large."""
    now = now or timezone.now()
    if len(json.dumps(metadata)) > METADATA_BYTES:
        sentence = f"The metadata may have {METADATA_BYTES // 1024} KiB at most."
        raise Refusal("metadata-too-large", sentence, field="metadata")
    with transaction.atomic():
        Payout.objects.filter(pk=payout.pk).update(metadata=dict(metadata))
        event_record(row=payout, type="PayoutNoted", actor=actor, at=now)
    payout.metadata = dict(metadata)
