"""Celery entry points of the receiving side."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from flashpay.invoices.services import invoices_expire, lightning_invoices_poll
from flashpay.invoices.services.polling import connections_due
from flashpay.stores.models import WalletConnection


@shared_task
def poll_open_lightning_invoices() -> None:
    """Every 5 s: one task per connection that has something due, so that a slow one holds up nobody else."""
    for connection in connections_due(now=timezone.now()):
        poll_connection.delay(connection.pk)


@shared_task
def poll_connection(connection_id: str) -> None:
    lightning_invoices_poll(connection=WalletConnection.objects.get(pk=connection_id))


@shared_task
def expire_invoices() -> None:
    """Every 5 s."""
    invoices_expire()
