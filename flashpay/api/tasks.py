"""Celery entry points of the API."""

from __future__ import annotations

from celery import shared_task

from flashpay.api.repeats import answers_forget


@shared_task
def forget_answered_requests() -> None:
    """Every hour: what was answered to an Idempotency-Key is kept for a day."""
    answers_forget()
