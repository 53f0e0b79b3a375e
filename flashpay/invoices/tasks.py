"""Celery entry points of the receiving side."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from flashpay.invoices.services import (
    card_collect,
    card_collections_sweep,
    invoices_expire,
    lightning_invoices_poll,
)
from flashpay.invoices.services.polling import endpoints_due

# When a card is tried again that found too many others being asked.
CARD_AGAIN_S = 1


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


@shared_task
def collect_card(collection_id: int) -> None:
    if not card_collect(collection_id=collection_id):
        collect_card.apply_async((collection_id,), countdown=CARD_AGAIN_S)


@shared_task
def sweep_cards() -> None:
    """Every 5 s: cards whose message was lost, or whose worker died."""
    card_collections_sweep()
