"""Celery entry points of the receiving side."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from flashpay.invoices.services import invoices_expire, lightning_invoices_poll
from flashpay.invoices.services.polling import endpoints_due


@shared_task
def poll_open_lightning_invoices() -> None:
    """Every 5 s: one task per endpoint that has something due, so that a slow one holds up nobody else."""
    for api_url in endpoints_due(now=timezone.now()):
        poll_endpoint.delay(api_url)


@shared_task
def poll_endpoint(api_url: str) -> None:
    lightning_invoices_poll(api_url=api_url)


@shared_task
def expire_invoices() -> None:
    """Every 5 s."""
    invoices_expire()
