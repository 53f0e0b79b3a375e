"""A small run of the violence in the suite, and each of the two exact moments by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store, User
from payouts.models import Payout, PayoutState
from payouts.services import payout_claim, pull_payment_create
from tests.chaos.gates import AFTER_SEND, BEFORE_SEND, Gate, gate_caught, gate_open, gate_shut, gates_installed
from tests.chaos.plan import Plan
from tests.chaos.run import chaos, database_url
from tests.payouts.test_crashes import TAKEN_UP_WITHIN_S, WORKER, until
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SMALL = Plan(count=40, seed=20_261_122, claims_s=20, drain_s=30, blow_every_s=3.0, exact_kills=0)
CAUGHT_WITHIN_S = 60.0


@pytest.fixture
def plain_sandbox(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    yield sandbox
    sandbox.api("POST", "/api/reset")


def test_nothing_is_paid_twice_or_lost_while_everything_breaks(
    alice: User, plain_sandbox: SandboxServer, static_files: str, tmp_path: Path
) -> None:
    told: list[str] = []
    verdict = chaos(
        SMALL, owner=alice, sandbox=plain_sandbox, folder=tmp_path, static_root=static_files, say=told.append
    )
    assert not verdict.broken, f"{verdict.table()}\nlogs in {tmp_path}"
    assert verdict.injected, verdict.table()
    assert verdict.blows, verdict.table()
    assert verdict.states["Completed"], verdict.table()


@pytest.mark.parametrize(
    ("gate", "paid_when_it_died"),
    [pytest.param(BEFORE_SEND, 0, id="before_the_request"), pytest.param(AFTER_SEND, 1, id="with_the_answer_in_hand")],
)
def test_a_worker_killed_at_an_exact_moment_costs_seconds_and_no_money(
    gate: Gate,
    paid_when_it_died: int,
    connected_store: Store,
    plain_sandbox: SandboxServer,
    start_program: Callable[..., Program],
) -> None:
    worker = start_program(*WORKER, ready=" ready.", env={"DATABASE_URL": f"{database_url()}&application_name=worker"})
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor="alice@example.com")
    asked = plain_sandbox.phone_invoice(20_000)
    with psycopg.connect(database_url(), autocommit=True) as database, gates_installed(database):
        gate_shut(database, gate)
        payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
        assert gate_caught(database, gate, CAUGHT_WITHIN_S) == "worker"
        worker.kill()
        gate_open(database, gate)
        attempt = payout.attempts.get()
        assert attempt.state == ("sent" if paid_when_it_died else "prepared")
        assert len(plain_sandbox.payments(asked["payment_hash"])) == paid_when_it_died
        start_program(*WORKER, ready=" ready.")
        schedule = os.path.join(os.environ["DATA_DIR"], f"beat-of-{gate.key}")
        start_program("-m", "celery", "-A", "flashpay", "beat", "-s", schedule)
        until(lambda: Payout.objects.filter(pk=payout.pk, state=PayoutState.COMPLETED).exists(), TAKEN_UP_WITHIN_S)
    connection.close()
    assert payout.attempts.count() == 1
    assert len(plain_sandbox.payments(asked["payment_hash"])) == 1
