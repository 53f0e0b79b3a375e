"""Claims while a hundred thousand payouts exist: how quickly they are answered and accepted, and how soon they are sent.

    python -m tests.bench payouts      (about a minute)

The web process is the one of production (`deploy/Procfile`): gunicorn, one worker of eight threads. The floor of an answer
is an LNURL address that asks no database, through the same process, and one durable commit. `cpu ms` is the web
process's processor time of one claim: 10 ms of it are a hundred claims a second on one processor.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from flashpay.stores.models import Store
from lnurl.endpoints.withdraw import k1_of
from payouts.models import Payout, PayoutAttempt, PullPayment
from tests.bench.bench_lnurl import CLAIM_SAT, commit_ms
from tests.bench.bulk import housekeeping, payouts_generate
from tests.bench.load import load
from tests.bench.measuring import Times, cpu_s, heading, line, show
from tests.environment import free_port
from tests.listener.conftest import until
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make
from tests.programs import Program
from tests.sandbox_server import SandboxServer

EXISTING = 100_000
CONNECTIONS = (1, 8, 32)
CLAIMS = {1: 100, 8: 400, 32: 400}
SENT = 20
# Generous: other things run on this machine as well. What is slow beyond reason fails.
CLAIM_P50_MS, PER_SECOND, SENT_MS = 500, 20, 5_000


@pytest.fixture
def web_process(start_program: Callable[..., Program], static_files: str) -> tuple[int, int]:
    """Its port and its process."""
    port = free_port()
    program = start_program(
        *("-m", "gunicorn", "flashpay.wsgi", "--worker-class", "gthread", "--workers", "1", "--threads", "8"),
        *("--bind", f"127.0.0.1:{port}", "--access-logfile", "/dev/null"),
        ready="Booting worker",
        env={"THROTTLES": "false"},
    )
    return port, program.pid


def claim_path(pull_payment: PullPayment, bolt11: str) -> str:
    k1 = k1_of(pull_payment)
    return f"/lnurl/withdraw/{pull_payment.lnurl_token}/{k1}?k1={k1}&pr={bolt11}"


@pytest.mark.django_db(transaction=True)
def test_claims_among_many(store: Store, web_process: tuple[int, int]) -> None:
    port, pid = web_process
    payouts_generate(store, wallet_make(store), EXISTING)
    housekeeping()
    pull_payment = pull_payment_make(store, 10**9)
    load(port, ["/lnurl/nothing"] * 50, 8)  # warm
    durable = commit_ms(store)
    report = heading(
        f"Claims with {EXISTING:,} payouts", ["conn.", "p50 ms", "p95 ms", "cpu ms", "/s", "floor", "ratio"]
    )
    for connections in CONNECTIONS:
        paths = [claim_path(pull_payment, invoice_over(CLAIM_SAT)) for _ in range(CLAIMS[connections])]
        floor = load(port, ["/lnurl/nothing"] * len(paths), connections).p50 + durable
        cpu_before = cpu_s(pid)
        claims = load(port, paths, connections)
        cpu_ms = (cpu_s(pid) - cpu_before) / len(paths) * 1000
        assert {json.loads(body)["status"] for body in claims.bodies} == {"OK"}
        ratio = f"{claims.p50 / floor:.1f}×"
        report.append(line("", [connections, claims.p50, claims.p95, cpu_ms, int(claims.per_second), floor, ratio]))
        assert claims.p50 < CLAIM_P50_MS * max(1, connections / 8)
        assert connections == 1 or claims.per_second > PER_SECOND
    assert Payout.objects.count() == EXISTING + sum(CLAIMS.values())
    show(report)


@pytest.mark.django_db(transaction=True)
def test_from_the_wallets_callback_to_the_send(
    connected_store: Store, sandbox: SandboxServer, web_process: tuple[int, int], worker: Program
) -> None:
    """Claims one by one, an idle worker each time. The moments are those in the rows: claimed, and the request let go."""
    pull_payment = pull_payment_make(connected_store, 10**9)
    waited = []
    for _ in range(SENT):
        code = sandbox.phone_invoice(CLAIM_SAT)
        claimed = load(web_process[0], [claim_path(pull_payment, code["bolt11"])], 1)
        assert json.loads(claimed.bodies[0])["status"] == "OK", claimed.bodies
        sandbox.wait_for_payment(code["payment_hash"])
        attempt = until(
            lambda payment_hash=code["payment_hash"]: (
                PayoutAttempt.objects.select_related("payout")
                .filter(payment_hash=payment_hash, sent_at__isnull=False)
                .first()
            )
        )
        assert attempt.sent_at is not None
        waited.append((attempt.sent_at - attempt.payout.created_at).total_seconds() * 1000)
    measured = Times(waited)
    report = heading(f"From a wallet's callback to Flash's send, {SENT} times", ["p50 ms", "p95 ms", "worst"])
    report.append(line("with an idle worker", [measured.p50, measured.p95, max(waited)]))
    show(report)
    assert measured.p50 < SENT_MS
