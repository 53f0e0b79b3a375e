"""Asking Flash, in batches, which Lightning invoices are paid. Push is quicker; this is what nothing slips past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from flashpay import flash
from flashpay.invoices.models import Evidence, LightningInvoice, LightningInvoiceState
from flashpay.invoices.services.payments import payment_record
from flashpay.invoices.services.schedule import next_poll_at
from flashpay.stores.events import transition
from flashpay.stores.models import WalletConnection
from flashpay.stores.wallets import wallet_open

log = structlog.get_logger(__name__)

# What Flash's complexity limit of 200 leaves room for in one document of aliased status queries.
BATCH = 60
# A worker that dies with a batch in hand gives it back after this.
LEASE = timedelta(seconds=30)


def lightning_invoices_poll(*, connection: WalletConnection, now: datetime | None = None) -> int:
    """Ask about the connection's due Lightning invoices in one request; returns how many were found paid.

    One request per call, whatever is waiting. Raises nothing of Flash: what could not be asked stays due.
    """
    now = now or timezone.now()
    batch = _lease(connection, now)
    if not batch:
        return 0
    try:
        answers = wallet_open(connection).invoice_statuses([row.bolt11 for row in batch])
    except flash.FlashError as error:
        log.warning("poll failed", connection=connection.pk, reason=error.judgement.verdict, rows=len(batch))
        return 0
    return sum(_apply(row, answers.get(row.bolt11), now) for row in batch)


def connections_due(*, now: datetime) -> list[WalletConnection]:
    """The connections that have something to ask about now."""
    return list(
        WalletConnection.objects.filter(lightning_invoices__next_poll_at__lte=now).distinct().order_by("created_at")
    )


def _lease(connection: WalletConnection, now: datetime) -> Sequence[LightningInvoice]:
    """Take up to BATCH due rows for this worker alone: half to the freshest, where a payer waits, half to those
    that have waited longest, so that no crowd of fresh ones starves an old one."""
    due = LightningInvoice.objects.filter(connection=connection, next_poll_at__lte=now)
    longest_waiting = list(due.order_by("next_poll_at")[: BATCH // 2])
    taken = {row.pk for row in longest_waiting}
    freshest = [row for row in due.order_by("-id")[:BATCH] if row.pk not in taken]
    rows = [*longest_waiting, *freshest][:BATCH]
    return [
        row
        for row in rows
        if LightningInvoice.objects.filter(pk=row.pk, next_poll_at=row.next_poll_at).update(next_poll_at=now + LEASE)
    ]


def _apply(row: LightningInvoice, answer: flash.InvoiceStatus | flash.FlashError | None, now: datetime) -> bool:
    if answer == flash.InvoiceStatus.PAID:
        return payment_record(lightning_invoice=row, evidence=Evidence.POLL, now=now) is not None
    later = next_poll_at(created_at=row.created_at, poll_until=row.poll_until, now=now)
    if answer == flash.InvoiceStatus.EXPIRED and row.state == LightningInvoiceState.OPEN:
        # Asked on through the monitoring time all the same: late money must be found.
        transition(
            row,
            LightningInvoiceState.EXPIRED,
            at=now,
            type="LightningInvoiceExpired",
            next_poll_at=later,
            polled_at=now,
        )
    else:
        # "Not found" and errors are no answer: the row stays as it is and is asked again.
        LightningInvoice.objects.filter(pk=row.pk).exclude(state=LightningInvoiceState.PAID).update(
            next_poll_at=later, polled_at=now
        )
    return False
