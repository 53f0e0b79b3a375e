"""A record's page asks the database no more often the more rows belong to the record."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flashpay.invoices.models import Evidence, LightningInvoice, Payment, Purpose
from flashpay.stores.models import Membership, User, WalletConnection
from payouts.models import AttemptEvidence, PayoutApproval, PayoutAttempt, PayoutPart, ReviewDecision
from payouts.recipients.models import Recipient, RecipientPayout
from payouts.recipients.services import recipient_create
from payouts.services import payout_claim
from tests.admin.conftest import Records
from tests.cast import store_make, user_make

pytestmark = pytest.mark.django_db


def _grow(records: Records, bob: User, ada: Recipient, number: int) -> None:
    """One more row below each of the records."""
    now = timezone.now()
    invoice, payout, store = records.invoice, records.payout, records.invoice.store
    person = user_make(f"person-{number}")
    Membership.objects.create(user=person, store=store, role="Cashier")
    Membership.objects.create(user=bob, store=store_make(person, name=f"Shop {number}"), role="Cashier")
    WalletConnection.objects.create(
        store=store,
        kind="api_key",
        secret="x",
        fingerprint=f"{number:064x}",
        network="regtest",
        minimum_sat=1,
        is_active=False,
    )
    code = LightningInvoice.objects.create(
        invoice=invoice, store=store, connection=records.connection, purpose=Purpose.CHECKOUT, bolt11="lnbcrt1example",
        payment_hash=f"{number:064x}", amount_msat=1_000, credit_msat=1_000, asked_cents=1,
        expires_at=now, poll_until=now,
    )  # fmt: skip
    Payment.objects.create(
        invoice=invoice, store=store, lightning_invoice=code, amount_msat=1_000, credited_msat=1_000,
        evidence=Evidence.POLL, settled_at=now,
    )  # fmt: skip
    attempt = PayoutAttempt.objects.create(
        store=store, payout=payout, number=number, connection=records.connection, wallet_id="w", bolt11="lnbcrt1example",
        payment_hash=f"{number:064x}", amount_msat=1_000, idempotency_key=f"key-{number}",
        state="unknown" if number == 1 else "failed",
    )  # fmt: skip
    first = attempt if number == 1 else payout.attempts.get(number=1)
    AttemptEvidence.objects.create(attempt=first, source="test", says="nothing", grade="hint", summary=f"Hint {number}")
    ReviewDecision.objects.create(attempt=first, user=person, verdict="paid", reason="The recipient says so")
    PayoutApproval.objects.create(payout=payout, person=f"user:{person.pk}", actor=person.email)
    PayoutPart.objects.create(payout=payout, amount=1, amount_msat=1_000)
    more = payout_claim(pull_payment=records.pull_payment, destination=f"ada-{number}@pay.example", amount=10_000)
    RecipientPayout.objects.create(payout=more, recipient=ada)


def _asked(desk: Client, *records: Model) -> dict[str, int]:
    counts = {}
    for row in records:
        name = f"{row._meta.app_label}/{row._meta.model_name}"
        with CaptureQueriesContext(connection) as asked:
            assert desk.get(f"/admin/{name}/{row.pk}/change/").status_code == 200
        counts[name] = len(asked)
    return counts


def test_no_record_asks_more_often_the_more_belongs_to_it(desk: Client, records: Records) -> None:
    store, bob = records.invoice.store, user_make("bob-of-all-shops")
    ada = recipient_create(store=store, name="Ada", actor="alice")
    _grow(records, bob, ada, 1)
    pages = (store, bob, records.invoice, records.pull_payment, records.payout, records.payout.attempts.get(), ada)
    _asked(desk, *pages)
    short = _asked(desk, *pages)
    for number in (2, 3):
        _grow(records, bob, ada, number)
    assert _asked(desk, *pages) == short
