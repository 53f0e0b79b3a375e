"""Celery entry points of the paying side. Each is safe to run twice at once; the rows decide."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from payouts.models import AttemptState, Payout, PayoutAttempt, PayoutState
from payouts.services import payout_reconcile, payout_send, payouts_expire, pull_payments_renew
from payouts.services.reconciling import receipt_complete

# Rows taken up by one sweep; the next one comes seconds later.
SWEEP = 200
# Looks at payments in doubt taken up by one sweep. Each costs several of the requests that Flash allows in a minute, and a
# crowd of doubts must not stand in the queue before what can simply be sent.
SWEEP_LOOKS = 20
# A sweep's message says no more than its row, so that one that waited this long is dropped unread: the next sweeps have said
# the same, and a backlog is not made longer by saying it again every few seconds.
SWEPT_EXPIRES_S = 15
RECEIPT_WINDOW = timedelta(hours=1)


@shared_task
def send_payout(payout_id: str) -> None:
    payout_send(payout_id=payout_id)


@shared_task
def reconcile_payout(payout_id: str) -> None:
    payout_reconcile(payout_id=payout_id)


@shared_task
def send_due_payouts() -> None:
    """Every 5 s: whatever a lost message or a dead worker left behind."""
    for payout_id in _due(PayoutState.AWAITING_PAYMENT, SWEEP):
        send_payout.apply_async((payout_id,), expires=SWEPT_EXPIRES_S)


@shared_task
def reconcile_due_payouts() -> None:
    """Every 5 s, so that with a lapsed lease a dead worker's payout is taken up again within a quarter of a minute."""
    for payout_id in _due(PayoutState.IN_PROGRESS, SWEEP_LOOKS):
        reconcile_payout.apply_async((payout_id,), expires=SWEPT_EXPIRES_S)


@shared_task
def complete_receipts() -> None:
    """Every 10 s: preimages and fees of payouts that just completed, as soon as the wallet shows them."""
    now = timezone.now()
    for attempt in PayoutAttempt.objects.select_related("connection", "payout").filter(
        state=AttemptState.SUCCEEDED, preimage="", ended_at__gte=now - RECEIPT_WINDOW
    )[:SWEEP]:
        receipt_complete(attempt=attempt, now=now)


@shared_task
def renew_pull_payments() -> None:
    """Every 60 s."""
    pull_payments_renew()


@shared_task
def expire_payouts() -> None:
    """Every 15 s: what waits with a dead invoice."""
    payouts_expire()


def _due(state: str, at_most: int) -> list[str]:
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = Payout.objects.filter(free, state=state, due_at__lte=now).order_by("due_at")
    return list(due.values_list("pk", flat=True)[:at_most])
