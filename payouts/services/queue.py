"""Handing a payout to the workers. A message may be lost; the row is due all the same, and the sweep finds it."""

from __future__ import annotations

import redis
import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def payout_enqueue_on_commit(payout_id: str) -> None:
    """Have a worker look at the payout as soon as this transaction is committed."""
    transaction.on_commit(lambda: _publish(payout_id))


def _publish(payout_id: str) -> None:
    try:
        current_app.send_task("payouts.tasks.send_payout", [payout_id], retry=False)
    except (OperationalError, redis.RedisError, OSError) as error:
        # The claim is committed and must be answered as such.
        log.warning("payout not announced to the workers", payout=payout_id, error=type(error).__name__)
