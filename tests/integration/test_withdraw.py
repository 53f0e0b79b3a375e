"""A withdrawal from end to end: a foreign wallet, a real web server, a real worker, the sandbox Flash."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flashpay import live
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from lnurl.wire.codec import lightning_link_encode
from payouts.models import AttemptState, Payout, PayoutState, PullPayment
from payouts.selectors import claim_link, pull_payment_lnurl
from payouts.services import pull_payment_create
from payouts.tasks import complete_receipts
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

WALLET = Path(__file__).with_name("public_wallet.py")
SETTLED_WITHIN_S = 20.0


@pytest.fixture
def pull_payment(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, name="Prize", actor="alice")


def withdraw(code: str, invoice: str) -> dict[str, Any]:
    """What the public package makes of it. It gives up after 5 s by itself."""
    done = subprocess.run(
        [sys.executable, "-P", str(WALLET), code, invoice], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def news_of(pull_payment: PullPayment) -> Iterator[Any]:
    """The live channel of a pull payment, listened to from before anything happens."""
    with live.connection().pubsub(ignore_subscribe_messages=False) as subscription:
        subscription.subscribe(f"{live.CHANNEL_PREFIX}pullpayment:{pull_payment.pk}")
        assert subscription.get_message(timeout=5)["type"] == "subscribe"
        yield subscription


def wait_for(subscription: Any, event: str) -> None:
    give_up_at = time.monotonic() + SETTLED_WITHIN_S
    heard = []
    while time.monotonic() < give_up_at:
        message = subscription.get_message(timeout=1)
        if message is None or message["type"] != "message":
            continue
        heard.append(json.loads(message["data"])["type"])
        if event in heard:
            return
    raise AssertionError(f"no {event}; heard {heard}")


def test_the_public_lnurl_package_withdraws_and_is_paid_exactly_once(
    web_server: str, worker: Program, sandbox: SandboxServer, pull_payment: PullPayment
) -> None:
    asked = sandbox.phone_invoice(20_000)
    with news_of(pull_payment) as news:
        answer = withdraw(pull_payment_lnurl(pull_payment).bech32, asked["bolt11"])
        assert answer["status"] == "OK"
        assert (answer["offer"]["minWithdrawable"], answer["offer"]["maxWithdrawable"]) == (10_000_000, 50_000_000)
        wait_for(news, "PayoutCompleted")
    complete_receipts()  # as beat has it done every few seconds

    payout = Payout.objects.get()
    assert payout.state == PayoutState.COMPLETED
    attempt = payout.attempts.get()
    paid = sandbox.payments(asked["payment_hash"])
    assert len(paid) == 1
    assert (attempt.state, attempt.preimage) == (AttemptState.SUCCEEDED, paid[0]["preimage"])
    pull_payment.refresh_from_db()
    assert pull_payment.remaining == 30_000

    # The same wallet again, with the same invoice: the same answer, and no second payment.
    assert withdraw(pull_payment_lnurl(pull_payment).bech32, asked["bolt11"])["status"] == "OK"
    assert Payout.objects.count() == 1
    assert len(sandbox.payments(asked["payment_hash"])) == 1


@pytest.mark.parametrize("form", ["lnurlw", "web link"])
def test_the_other_forms_of_the_link_work_as_well(
    web_server: str, sandbox: SandboxServer, pull_payment: PullPayment, form: str
) -> None:
    bech32, uri = pull_payment_lnurl(pull_payment)
    # The package asks the page itself for a web link (Q11); the claim page answers it as a wallet.
    code = uri if form == "lnurlw" else lightning_link_encode(claim_link(pull_payment), bech32)
    assert withdraw(code, sandbox.phone_invoice(20_000)["bolt11"])["status"] == "OK"
    assert Payout.objects.get().amount_msat == 20_000_000


def test_the_public_package_shows_the_reason_of_a_refusal(
    web_server: str, sandbox: SandboxServer, pull_payment: PullPayment
) -> None:
    own = sandbox.phone_invoice(20_000)["bolt11"]
    assert withdraw(pull_payment_lnurl(pull_payment).bech32, own)["status"] == "OK"
    other = pull_payment_create(store=pull_payment.store, amount=50_000, currency=SAT, name="Another", actor="alice")
    assert "used for a claim before" in withdraw(pull_payment_lnurl(other).bech32, own)["refused"]
    assert Payout.objects.count() == 1
