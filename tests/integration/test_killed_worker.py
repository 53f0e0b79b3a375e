"""The worst moment for a worker to die: the money is on its way and nobody has written down what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import Payout
from payouts.services import payout_claim, pull_payment_create
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.postgres]

WITHIN_S = 150.0
WORKER = ("-m", "celery", "-A", "flashpay", "worker", "-B", "--schedule")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.1)


def test_a_payout_whose_worker_is_killed_while_sending_ends_completed_paid_once(
    connected_store: Store, sandbox: SandboxServer, start_program: Callable[..., Program], tmp_path: object
) -> None:
    sandbox.switch(send_takes_s={"value": 3, "next": 1})
    start = lambda number: start_program(  # noqa: E731 - the same program twice
        *WORKER, f"{tmp_path}/beat{number}", "--concurrency=1", "--loglevel=INFO", ready=" ready."
    )
    first = start(1)
    prize = pull_payment_create(store=connected_store, amount=20_000, currency=SAT, actor="alice")
    asked = sandbox.phone_invoice(20_000)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    wait_until(lambda: payout.attempts.filter(state="sent").exists(), "the request never left")
    first.kill()
    assert Payout.objects.get().state == "InProgress"

    start(2)
    wait_until(lambda: Payout.objects.get().state == "Completed", "the payout did not end")
    attempt = payout.attempts.get()
    assert attempt.state == "succeeded"
    assert len(sandbox.payments(asked["payment_hash"])) == 1
