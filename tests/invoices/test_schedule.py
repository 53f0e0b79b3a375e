"""Ten thousand open codes on one connection and one request of sixty every five seconds: nobody starves."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from flashpay import flash
from flashpay.invoices.models import Invoice, LightningInvoice, LightningInvoiceState
from flashpay.invoices.services import invoice_create
from flashpay.invoices.services.polling import BATCH, answer_apply, batch_lease
from flashpay.invoices.services.schedule import POLL_INTERVAL, next_poll_at
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store, WalletConnection
from tests.payouts.recipients import wallet_make

OPEN = 10_000
# Half of each request goes to those that have waited longest.
LONGEST_ROUND = OPEN // (BATCH // 2) + 1


def code_of(
    invoice: Invoice, connection: WalletConnection, number: int, born: datetime, due: datetime
) -> LightningInvoice:
    return LightningInvoice(
        invoice=invoice,
        store_id=invoice.store_id,
        connection=connection,
        bolt11=f"lnbcrt{number}",
        payment_hash=f"{number:064x}",
        amount_msat=1_000,
        credit_msat=1_000,
        asked_cents=1,
        created_at=born,
        expires_at=born + timedelta(minutes=1),
        next_poll_at=due,
        poll_until=born + timedelta(days=1),
    )


@pytest.mark.slow
@pytest.mark.django_db
def test_ten_thousand_open_codes_are_all_asked_and_fresh_ones_at_once(store: Store) -> None:
    connection = wallet_make(store)
    now = timezone.now()
    born = now - timedelta(minutes=30)
    invoice = invoice_create(store=store, amount=1, currency=SAT, actor="alice")
    LightningInvoice.objects.bulk_create(
        [code_of(invoice, connection, number, born, now - timedelta(seconds=1)) for number in range(OPEN)],
        batch_size=1_000,
    )
    old = set(LightningInvoice.objects.values_list("pk", flat=True))
    unasked, fresh_waits = set(old), []
    rounds = 0
    while unasked:
        rounds += 1
        assert rounds <= LONGEST_ROUND, f"{len(unasked)} codes starve"
        fresh = code_of(invoice, connection, OPEN + rounds, now, now + POLL_INTERVAL)
        fresh.save()
        now += POLL_INTERVAL
        batch = batch_lease("", now)
        assert len(batch) <= BATCH
        fresh_waits.append(fresh.pk in {row.pk for row in batch})
        for row in batch:
            unasked.discard(row.pk)
            answer_apply(row, flash.InvoiceStatus.PENDING, now)
    assert all(fresh_waits), "a code whose payer waits was not asked about at the first chance"
    assert not LightningInvoice.objects.exclude(state=LightningInvoiceState.OPEN).exists()


def test_a_code_is_asked_ever_rarer_and_at_last_on_its_end() -> None:
    born = timezone.now()
    until = born + timedelta(days=1)
    asked, moment = [], born
    while moment is not None:
        asked.append(moment)
        moment = next_poll_at(created_at=born, poll_until=until, now=moment)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert gaps[0] == timedelta(seconds=5)
    # The very last gap only reaches to the end.
    assert all(shorter <= longer for shorter, longer in itertools.pairwise(gaps[:-1]))
    assert asked[-1] == until
    # A minute's life closely, a whole day for the price of about a hundred and fifty questions.
    assert len(asked) < 160
