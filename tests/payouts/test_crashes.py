"""Real workers on PostgreSQL, killed while they send: the payout is taken up again within seconds, and paid once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.conf import settings

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import AttemptState, Payout, PayoutAttempt, PayoutState
from payouts.services import payout_claim, pull_payment_create
from tests.chaos.town import Broker
from tests.payouts.conftest import ALICE
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WORKER = (
    *("-m", "celery", "-A", "flashpay", "worker", "--loglevel=INFO", "--concurrency=2"),
    *("--without-gossip", "--without-mingle"),
)
# The design promises about 20 s (lease, sweep, the look itself); a busy machine gets more.
TAKEN_UP_WITHIN_S = 90.0


def until(condition: Callable[[], Any], within_s: float) -> float:
    """Wait for something another process does; how long it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > within_s:
            raise AssertionError(f"it did not happen within {within_s} s")
        time.sleep(0.05)
    return time.monotonic() - started


@pytest.fixture
def beat(start_program: Callable[..., Program]) -> Program:
    schedule = os.path.join(os.environ["DATA_DIR"], "beat-of-crash-tests")
    return start_program("-m", "celery", "-A", "flashpay", "beat", "-s", schedule, "--loglevel=INFO")


def test_a_worker_killed_while_it_sends_costs_seconds_and_no_money(
    connected_store: Store,
    plain_sandbox: SandboxServer,
    start_program: Callable[..., Program],
    beat: Program,
) -> None:
    worker = start_program(*WORKER, ready=" ready.")
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor=ALICE)
    asked = plain_sandbox.phone_invoice(20_000)
    plain_sandbox.switch(send_takes_s={"value": 3.0, "next": 1})
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    until(lambda: PayoutAttempt.objects.filter(state=AttemptState.SENT).exists(), 15)
    worker.kill()
    start_program(*WORKER, ready=" ready.")
    until(lambda: not Payout.objects.filter(pk=payout.pk, state=PayoutState.IN_PROGRESS).exists(), TAKEN_UP_WITHIN_S)
    payout.refresh_from_db()
    assert payout.state == PayoutState.COMPLETED
    assert payout.attempts.count() == 1
    assert len(plain_sandbox.payments(asked["payment_hash"])) == 1


def test_a_worker_that_takes_long_keeps_its_payout(
    connected_store: Store,
    plain_sandbox: SandboxServer,
    start_program: Callable[..., Program],
    beat: Program,
) -> None:
    start_program(*WORKER, ready=" ready.")
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor=ALICE)
    asked = plain_sandbox.phone_invoice(20_000)
    plain_sandbox.switch(send_takes_s={"value": 14.0, "next": 1})
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    until(lambda: Payout.objects.filter(pk=payout.pk, state=PayoutState.COMPLETED).exists(), 40)
    sends = [
        call
        for call in plain_sandbox.api("GET", "/api/log")["calls"]
        if "lnInvoicePaymentSend" in call["operations"] and asked["bolt11"] in str(call)
    ]
    assert len(sends) == 1
    assert [each.source for each in payout.attempts.get().evidence.all()] == ["send"]


def test_a_worker_outlives_its_broker_while_it_sends(
    connected_store: Store, plain_sandbox: SandboxServer, start_program: Callable[..., Program], tmp_path: Path
) -> None:
    broker = Broker(tmp_path)
    broker.start()
    try:
        worker = start_program(*WORKER, ready=" ready.", env={"REDIS_URL": broker.url})
        queue = Celery(
            broker=broker.url,
            broker_transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
            # Otherwise every later test of this process would hand its tasks to a broker that is gone.
            set_as_current=False,
        )
        prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor=ALICE)
        asked = [plain_sandbox.phone_invoice(20_000) for _ in range(2)]
        payouts = [payout_claim(pull_payment=prize, bolt11=each["bolt11"]) for each in asked]
        plain_sandbox.switch(send_takes_s={"value": 3.0, "next": 1})
        for payout, is_sent in zip(payouts, (AttemptState.SENT, AttemptState.SUCCEEDED), strict=True):
            queue.send_task("payouts.tasks.send_payout", [payout.pk])
            until(lambda payout=payout, is_sent=is_sent: payout.attempts.filter(state=is_sent).exists(), 40)
            if is_sent == AttemptState.SENT:
                # While it waits for Flash: it has a message that it can neither acknowledge nor give back any more.
                broker.stop()
                worker.wait_for("Cannot connect to redis")
                broker.start()
                until(lambda payout=payout: payout.attempts.filter(state=AttemptState.SUCCEEDED).exists(), 40)
        assert worker.process.poll() is None
        assert "Unrecoverable error" not in worker.output
        worker.stop()
    finally:
        broker.stop()
    assert [len(plain_sandbox.payments(each["payment_hash"])) for each in asked] == [1, 1]
