"""Celery entry points around tables of payouts."""

from __future__ import annotations

from celery import shared_task

from payouts.batches.services import batches_sweep


@shared_task
def sweep_drafts() -> None:
    """Every hour: drafts that nobody confirmed."""
    batches_sweep()
