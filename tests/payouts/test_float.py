"""Nothing is sent that the wallet does not cover, that costs more than the shop wants, or while somebody holds it back."""

from __future__ import annotations

import pytest

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import Payout, PullPayment
from payouts.services import (
    payout_claim,
    payout_policy_update,
    payout_send,
    pull_payment_create,
    sending_pause,
    store_payouts_pause,
)
from tests import cast
from tests.payouts.conftest import ALICE, soon
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def narrow(store: Store, plain_sandbox: SandboxServer) -> PullPayment:
    """A million sat to claim from a wallet with $20: at the sandbox's price 31,496 sat."""
    cast.wallet_give(store, plain_sandbox, balance_cents=2_000)
    return pull_payment_create(store=store, amount=1_000_000, currency=SAT, actor=ALICE)


def claimed(pull_payment: PullPayment, sandbox: SandboxServer, sat: int) -> Payout:
    return payout_claim(pull_payment=pull_payment, bolt11=sandbox.phone_invoice(sat)["bolt11"])


def sent(payout: Payout, seconds: float = 1) -> Payout:
    payout_send(payout_id=payout.pk, now=soon(seconds))
    payout.refresh_from_db()
    return payout


def test_what_is_in_flight_is_reserved(narrow: PullPayment, plain_sandbox: SandboxServer) -> None:
    plain_sandbox.switch(send={"value": "pending_forever", "next": 1})
    assert sent(claimed(narrow, plain_sandbox, 20_000)).state == "InProgress"
    second = sent(claimed(narrow, plain_sandbox, 15_000))
    assert (second.state, second.attempts.count()) == ("AwaitingPayment", 0)
    assert "not enough money" in second.reason


def test_what_was_paid_since_the_balance_was_read_is_counted(narrow: PullPayment, plain_sandbox: SandboxServer) -> None:
    assert sent(claimed(narrow, plain_sandbox, 20_000)).state == "Completed"
    second = claimed(narrow, plain_sandbox, 15_000)
    assert (sent(second).state, second.attempts.count()) == ("AwaitingPayment", 0)
    assert sent(claimed(narrow, plain_sandbox, 10_500), 10).state == "Completed"


def test_it_follows_as_soon_as_there_is_money(narrow: PullPayment, plain_sandbox: SandboxServer) -> None:
    payout = sent(claimed(narrow, plain_sandbox, 40_000))
    assert payout.state == "AwaitingPayment"
    username = narrow.store.wallet_connections.get().username
    plain_sandbox.api("POST", f"/api/accounts/{username}/fund", {"cents": 2_000})
    assert sent(payout, 40).state == "Completed"


def test_a_fee_above_the_cap_waits(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", fee_cap_bp=100)
    plain_sandbox.switch(fee_ppm=200_000)
    payout = sent(claimed(prize, plain_sandbox, 20_000))
    assert (payout.state, payout.attempts.count()) == ("AwaitingPayment", 0)
    assert "fee" in payout.reason
    plain_sandbox.switch(fee_ppm=1_300)
    assert sent(payout, 60).state == "Completed"
    assert payout.attempts.get().fee_estimate_cents is not None


def test_a_fee_that_cannot_be_found_out_is_not_guessed(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", fee_cap_bp=100)
    plain_sandbox.switch(http_status={"value": 502, "next": 1, "operation": "lnUsdInvoiceFeeProbe"})
    payout = sent(claimed(prize, plain_sandbox, 20_000))
    assert (payout.state, payout.attempts.count()) == ("AwaitingPayment", 0)


def test_the_global_switch_and_the_stores_stop_sending_at_once(
    prize: PullPayment, plain_sandbox: SandboxServer
) -> None:
    payout = claimed(prize, plain_sandbox, 20_000)
    sending_pause(paused=True, actor=ALICE, reason="Something is odd.")
    assert sent(payout).state == "AwaitingPayment"
    sending_pause(paused=False, actor=ALICE)
    store_payouts_pause(store=prize.store, paused=True, actor=ALICE)
    assert sent(payout, 5).state == "AwaitingPayment"
    assert not payout.attempts.exists()
    store_payouts_pause(store=prize.store, paused=False, actor=ALICE)
    assert sent(payout, 6).state == "Completed"
