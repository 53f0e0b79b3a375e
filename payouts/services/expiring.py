"""Payouts whose invoice dies while they wait: they can never be paid, so what they reserved is given back."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from payouts.models import UNSENT_PAYOUT_STATES, Payout, PayoutState
from payouts.services.approving import payout_drop

# Enough for one look; the next one comes seconds later.
_MOST_AT_ONCE = 500
_UNAPPROVED = "The invoice expired before the shop approved it. Nothing was sent."
_UNSENT = "The invoice expired before it could be sent. Nothing was sent."
_CLAIM_AGAIN = "Make a new invoice in your wallet and claim again; the amount is free for it."
_ASK_AGAIN = "Ask the recipient for a new invoice, or for an address that does not expire."


def payouts_expire(*, now: datetime | None = None) -> int:
    """Cancel what waits for approval or for its sending with an invoice that is dead by now; returns how many.

    Safe beside a sender: it moves a payout only from where it waits, and so does this. One of them wins. What a person has
    to look at stays: it may have been paid by an attempt that was taken for failed.
    """
    now = now or timezone.now()
    dead = Payout.objects.filter(state__in=UNSENT_PAYOUT_STATES, expires_at__lte=now, needs_review=False).order_by(
        "expires_at"
    )
    return sum(_expire(payout, now) for payout in dead[:_MOST_AT_ONCE])


def _expire(payout: Payout, now: datetime) -> bool:
    happened = _UNAPPROVED if payout.state == PayoutState.AWAITING_APPROVAL else _UNSENT
    what_to_do = _CLAIM_AGAIN if payout.pull_payment_id else _ASK_AGAIN
    return payout_drop(payout=payout, reason=f"{happened} {what_to_do}", now=now)
