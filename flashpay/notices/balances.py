"""Noticing that a wallet runs low: said once, and again only after it had recovered."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from flashpay.notices.models import MailSettings
from flashpay.stores.events import event_record
from flashpay.stores.models import WalletConnection

# It has recovered when it is a tenth above the mark: one that hovers about it is told of once.
_RECOVERED_PERCENT = 110


def balances_watch(*, now: datetime | None = None) -> int:
    """Compare what each watched wallet held at its last check with its mark; says how many have newly fallen below."""
    now = now or timezone.now()
    watched = {row.pk: row for row in MailSettings.objects.filter(low_balance_cents__isnull=False)}
    wallets = WalletConnection.objects.defer("secret").filter(
        store__in=watched, store__archived=False, is_active=True, balance_cents__isnull=False
    )
    fallen = 0
    for wallet in wallets:
        row = watched[wallet.store_id]
        mark, held = row.low_balance_cents or 0, wallet.balance_cents or 0
        if not row.balance_is_low and held < mark:
            fallen += _fell(row, wallet, now)
        elif row.balance_is_low and held * 100 >= mark * _RECOVERED_PERCENT:
            MailSettings.objects.filter(pk=row.pk).update(balance_is_low=False)
    return fallen


def _fell(row: MailSettings, wallet: WalletConnection, now: datetime) -> bool:
    with transaction.atomic():
        if not MailSettings.objects.filter(pk=row.pk, balance_is_low=False).update(balance_is_low=True):
            return False
        evidence = {"balance_cents": str(wallet.balance_cents), "mark_cents": row.low_balance_cents}
        event_record(row=wallet, type="WalletLow", at=now, evidence=evidence)
    return True
