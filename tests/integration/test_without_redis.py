"""Redis away: what was promised is kept in the database, and people are answered in time."""

from __future__ import annotations

import os
from collections.abc import Callable

import httpx
import pytest
from django.urls import reverse

from flashpay.stores.models import Store
from lnurl.endpoints.withdraw import k1_of
from payouts.models import Payout, PayoutState
from payouts.selectors import claim_link
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make
from tests.programs import Program

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

NOBODY = "redis://127.0.0.1:1/0"
# Wallets give up after 5 s, the most impatient ones earlier (Q18); with waiting for Redis it would take far longer than this.
ANSWERED_WITHIN_S = 15.0


@pytest.fixture
def web_without_redis(start_program: Callable[..., Program], static_files: str) -> str:
    start_program(
        *("-m", "uvicorn", "flashpay.asgi:application", "--host", "127.0.0.1", "--port", os.environ["PORT"]),
        ready="Uvicorn running on",
        env={"REDIS_URL": NOBODY},
    )
    return os.environ["PUBLIC_URL"]


def test_a_claim_is_accepted_in_time_and_waits_for_the_sweep(store: Store, web_without_redis: str) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store)
    k1 = k1_of(pull_payment)
    callback = web_without_redis + reverse("lnurl:withdraw_callback", args=[pull_payment.lnurl_token, k1])
    with httpx.Client(trust_env=False, timeout=30) as wallet:
        wallet.get(
            f"{web_without_redis}/healthz"
        )  # the process imports on its first request; that is not what is timed
        answer = wallet.get(callback, params={"k1": k1, "pr": invoice_over(20_000)})
        shown = wallet.get(claim_link(pull_payment), headers={"Accept": "text/html"})
    assert answer.json() == {"status": "OK"}
    assert answer.elapsed.total_seconds() < ANSWERED_WITHIN_S
    payout = Payout.objects.get()
    assert (payout.state, payout.leased_until) == (PayoutState.AWAITING_PAYMENT, None)
    assert shown.status_code == 200
    assert "Awaiting payment" in shown.text
