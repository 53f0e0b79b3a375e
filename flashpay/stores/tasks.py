"""Celery entry points around the stores."""

from __future__ import annotations

from celery import shared_task

from flashpay.stores import rates


@shared_task
def refresh_rates() -> None:
    """Every 15 s, so that a price is at hand when a merchant asks for one."""
    rates.rates_refresh()
