"""What a shop reads about its payouts: a table that is safe to open, figures that add up, a history with every grade."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest

from flashpay.stores.models import Store
from payouts.insight import payout_days, payout_history, payout_totals, payouts_csv
from payouts.models import Payout, PayoutAttempt, PullPayment
from payouts.services import payout_cancel, payout_claim, payout_send
from tests.payouts.conftest import ALICE, soon
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def test_the_table_has_every_payout_and_no_formula(store: Store) -> None:
    wallet_make(store)
    prize = pull_payment_make(store)
    payout = payout_claim(pull_payment=prize, bolt11=invoice_over(20_000), actor='=HYPERLINK("http://evil")')
    payout_cancel(payout=payout, reason="-1+2, said\nBob", actor=ALICE)
    rows = list(
        csv.DictReader("".join(payouts_csv(Payout.objects.all())).removeprefix("\ufeff").splitlines(keepends=True))
    )
    assert len(rows) == 1
    assert (rows[0]["id"], rows[0]["amount"], rows[0]["state"]) == (payout.pk, "20000", "Cancelled")
    assert rows[0]["created_by"].startswith("'=")
    assert rows[0]["reason"] == "'-1+2, said\nBob"


def test_the_figures_add_up_day_by_day(
    prize: PullPayment, plain_sandbox: SandboxServer, connected_store: Store
) -> None:
    paid = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=paid.pk, now=soon(1))
    payout_claim(pull_payment=prize, bolt11=invoice_over(10_000))
    Payout.objects.filter(pk=paid.pk).update(created_at=soon() - timedelta(days=2))
    totals = payout_totals(connected_store)
    assert (totals.claimed_msat, totals.waiting_msat, totals.paid_msat) == (30_000_000, 10_000_000, 20_000_000)
    days = payout_days(store=connected_store, now=soon(), days=3)
    assert [(day.claimed_msat, day.paid_msat) for day in days] == [(20_000_000, 0), (0, 0), (10_000_000, 20_000_000)]


def test_the_history_tells_events_and_evidence_in_order(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    payout = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=payout.pk, now=soon())
    entries = payout_history(payout)
    assert {"PayoutCreated", "PayoutSending", "AttemptSent", "AttemptSucceeded", "PayoutCompleted"} <= {
        entry.what for entry in entries
    }
    assert [(entry.what, entry.grade) for entry in entries if entry.grade] == [("send", "proof")]
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


def test_a_day_tells_what_is_in_flight_and_which_attempts_failed(
    prize: PullPayment, plain_sandbox: SandboxServer, connected_store: Store
) -> None:
    flying = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    plain_sandbox.switch(send="pending_forever")
    payout_send(payout_id=flying.pk, now=soon())
    refused = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(10_000)["bolt11"])
    payout_send(payout_id=refused.pk, now=soon())
    PayoutAttempt.objects.filter(payout=refused).update(state="failed", ended_at=soon() - timedelta(days=1))
    Payout.objects.filter(pk=refused.pk).update(state="AwaitingPayment")
    before, today = payout_days(store=connected_store, now=soon(), days=2)
    assert (before.failed_msat, before.failed, before.claims) == (10_000_000, 1, 0)
    assert (today.in_flight_msat, today.in_flight, today.failed) == (20_000_000, 1, 0)
    assert not before.is_empty
