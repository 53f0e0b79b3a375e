"""Celery entry points around the stores and their wallets."""

from __future__ import annotations

from celery import shared_task

from flashpay.stores import rates
from flashpay.stores.checking import clock_check, wallet_check, wallets_due


@shared_task
def check_wallet_connections() -> None:
    """Every 60 s: one task per wallet, so that a slow Flash holds up nobody else."""
    due = wallets_due()
    for connection_id in due:
        check_wallet.delay(connection_id)
    if due:
        check_clock.delay(due[0])


@shared_task
def check_wallet(connection_id: str) -> None:
    wallet_check(connection_id=connection_id)


@shared_task
def check_clock(connection_id: str) -> None:
    clock_check(connection_id=connection_id)


@shared_task
def refresh_rates() -> None:
    """Every 15 s, so that a price is at hand when a merchant asks for one."""
    rates.rates_refresh()
