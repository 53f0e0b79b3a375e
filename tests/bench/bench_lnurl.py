"""How quickly LNURL-withdraw answers: the offer and the claim at 1, 8 and 32 connections, beside a floor of the same run.

    python -m tests.bench lnurl        (about a minute for each database)

The server is the web process of `manage.py up`; load and server share this machine. The floor of an answer is an LNURL
address that asks no database, through the same server; that of a claim adds one durable commit of the same database.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from flashpay.qr import qr_svg
from flashpay.stores.models import Event, Store
from lnurl.endpoints.withdraw import k1_of
from payouts.models import Payout, PullPayment
from payouts.selectors import pull_payment_lnurl
from tests.bench.load import Load, load
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make
from tests.programs import Program

CONNECTIONS = (1, 8, 32)
REQUESTS = {1: 150, 8: 400, 32: 400}
CLAIM_SAT = 10_000
# Generous: other things run on this machine as well. What is slow beyond reason fails.
OFFER_P95_MS, CLAIM_P95_MS, QR_MS = 1_000, 3_000, 10


@pytest.fixture
def port(start_program: Callable[..., Program], static_files: str) -> int:
    port = os.environ["PORT"]
    start_program(
        *("-m", "uvicorn", "flashpay.asgi:application", "--host", "127.0.0.1", "--port", port, "--no-access-log"),
        ready="Uvicorn running on",
        env={"THROTTLES": "false"},
    )
    return int(port)


@pytest.fixture
def pull_payment(store: Store) -> PullPayment:
    wallet_make(store)
    return pull_payment_make(store, 10**9)


def commit_ms(store: Store) -> float:
    """One row written and committed, the median of 50."""
    times = []
    for _ in range(50):
        started = time.perf_counter()
        with transaction.atomic():
            Event.objects.create(store=store, entity="bench", entity_id="1", type="Bench", at=timezone.now())
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def claim_paths(pull_payment: PullPayment, count: int) -> list[str]:
    k1 = k1_of(pull_payment)
    start = f"/lnurl/withdraw/{pull_payment.lnurl_token}/{k1}?k1={k1}&pr="
    return [start + invoice_over(CLAIM_SAT) for _ in range(count)]


def line(what: str, measured: Load, floor_ms: float) -> str:
    return (
        f"  {what:<7}{measured.connections:>5}{measured.p50:>10.1f}{measured.p95:>10.1f}{measured.per_second:>10.0f}"
        f"{floor_ms:>10.1f}{measured.p50 / floor_ms:>8.1f}×"
    )


@pytest.mark.django_db(transaction=True)
def test_offers_and_claims(pull_payment: PullPayment, port: int) -> None:
    offer_path = f"/lnurl/withdraw/{pull_payment.lnurl_token}"
    load(port, [offer_path] * 50, 8)  # warm
    durable = commit_ms(pull_payment.store)
    report = [
        "",
        f"LNURL-withdraw on {connection.vendor}, {os.cpu_count()} processors, times in ms (one commit: {durable:.1f})",
        "         conn.       p50       p95      /s     floor   ratio",
    ]
    for connections in CONNECTIONS:
        count = REQUESTS[connections]
        floor = load(port, ["/lnurl/nothing"] * count, connections)
        offers = load(port, [offer_path] * count, connections)
        claims = load(port, claim_paths(pull_payment, count), connections)
        assert {json.loads(body)["tag"] for body in offers.bodies} == {"withdrawRequest"}
        assert {json.loads(body)["status"] for body in claims.bodies} == {"OK"}
        report += [line("offer", offers, floor.p50), line("claim", claims, floor.p50 + durable)]
        assert offers.p95 < OFFER_P95_MS
        assert claims.p95 < CLAIM_P95_MS
    assert Payout.objects.count() == sum(REQUESTS.values())
    print("\n".join(report))  # noqa: T201


@pytest.mark.django_db
def test_qr_codes(pull_payment: PullPayment, tmp_path: Path) -> None:
    report = ["", "QR code as SVG, median of 20 different ones, in ms"]
    for what, texts in (
        ("LNURL", [pull_payment_lnurl(pull_payment_make(pull_payment.store)).bech32 for _ in range(20)]),
        ("invoice", [invoice_over(CLAIM_SAT).upper() for _ in range(20)]),
    ):
        times = []
        for text in texts:
            started = time.perf_counter()
            qr_svg(text)
            times.append((time.perf_counter() - started) * 1000)
        report.append(f"  {what:<8}{statistics.median(times):>6.1f}")
        assert statistics.median(times) < QR_MS
    print("\n".join(report))  # noqa: T201
