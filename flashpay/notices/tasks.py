"""Celery entry points of the mail."""

from __future__ import annotations

from celery import shared_task

from flashpay.notices.balances import balances_watch
from flashpay.notices.sending import mail_send_due
from flashpay.notices.services import mails_forget


@shared_task
def send_due_mail() -> None:
    """After each event that asks for mail, and every 10 s for whatever waits."""
    mail_send_due()


@shared_task
def watch_balances() -> None:
    """Every 60 s, beside the check of the wallets."""
    balances_watch()


@shared_task
def forget_old_mail() -> None:
    """Every hour."""
    mails_forget()
