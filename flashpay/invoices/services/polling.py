"""Asking Flash, in batches, which Lightning invoices are paid. Push is quicker; this is what nothing slips past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from flashpay import flash
from flashpay.invoices.models import Evidence, LightningInvoice, LightningInvoiceState
from flashpay.invoices.services.payments import payment_record
from flashpay.invoices.services.schedule import POLL_INTERVAL, next_poll_at
from flashpay.stores.events import transition
from flashpay.stores.models import WalletConnection
from flashpay.stores.wallets import anybody_open, endpoint_of

log = structlog.get_logger(__name__)

# What Flash's complexity limit of 200 leaves room for in one document of aliased status queries.
BATCH = 60
# A worker that dies with a batch in hand gives it back after this.
LEASE = timedelta(seconds=30)
# Polls come every 5 s, a little early or late. A code that is due a moment after one must not wait for the next.
DUE_AHEAD = POLL_INTERVAL / 2
# After a request that brought nothing: soon, because a payer may be waiting; not at once, because Flash may be busy.
AGAIN = timedelta(seconds=5)


def lightning_invoices_poll(*, api_url: str, now: datetime | None = None) -> int:
    """Ask one Flash endpoint about due Lightning invoices, all stores' together, in one request; returns how many
    were found paid.

    One request per call, whatever is waiting, for Flash counts requests per address, and whether an invoice is paid it
    tells without a credential. Raises nothing of Flash: what could not be asked stays due.
    """
    now = now or timezone.now()
    batch = batch_lease(api_url, now)
    if not batch:
        return 0
    client = anybody_open(endpoint_of(batch[0].connection))
    try:
        answers = client.invoice_statuses([row.bolt11 for row in batch])
    except flash.FlashError as error:
        log.warning("poll failed", endpoint=api_url, reason=error.judgement.verdict, rows=len(batch))
        _give_back(batch, now)
        return 0
    return sum(answer_apply(row, answers.get(row.bolt11), now) for row in batch)


def endpoints_due(*, now: datetime) -> list[str]:
    """The endpoints (by API address; empty for the deployment's own) that have something to be asked now."""
    due = WalletConnection.objects.filter(lightning_invoices__next_poll_at__lte=now + DUE_AHEAD)
    return list(due.order_by().values_list("api_url", flat=True).distinct())


def batch_lease(api_url: str, now: datetime) -> Sequence[LightningInvoice]:
    """Take up to BATCH due rows for this worker alone: half to the freshest, where a payer waits, half to those
    that have waited longest, so that no crowd of fresh ones starves an old one."""
    due = LightningInvoice.objects.select_related("connection").filter(
        connection__api_url=api_url, next_poll_at__lte=now + DUE_AHEAD
    )
    longest_waiting = list(due.order_by("next_poll_at")[: BATCH // 2])
    taken = {row.pk for row in longest_waiting}
    freshest = [row for row in due.order_by("-id")[:BATCH] if row.pk not in taken]
    rows = [*longest_waiting, *freshest][:BATCH]
    return [
        row
        for row in rows
        if LightningInvoice.objects.filter(pk=row.pk, next_poll_at=row.next_poll_at).update(next_poll_at=now + LEASE)
    ]


def _give_back(batch: Sequence[LightningInvoice], now: datetime) -> None:
    leased = LightningInvoice.objects.filter(pk__in=[row.pk for row in batch], next_poll_at=now + LEASE)
    leased.update(next_poll_at=now + AGAIN)


def answer_apply(row: LightningInvoice, answer: flash.InvoiceStatus | flash.FlashError | None, now: datetime) -> bool:
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
