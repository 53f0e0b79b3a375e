"""A payment in doubt that newer ones have pushed out of the feed: proved by the id that was kept, and by nothing less."""

from __future__ import annotations

from typing import Any

import pytest

from payouts.models import PayoutAttempt, PullPayment, WalletTransaction
from payouts.services import payout_claim, payout_send
from tests.payouts.conftest import soon
from tests.payouts.test_doubt import graded, in_doubt, looked_at
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

NO_DETAILS: dict[str, Any] = {"value": True, "next": 1, "operation": "transactionDetails"}


@pytest.fixture
def paid_in_doubt(prize: PullPayment, plain_sandbox: SandboxServer) -> PayoutAttempt:
    """Paid, as the sandbox alone knows: Flash says PENDING, now and whenever the same key is asked."""
    attempt = in_doubt(prize, plain_sandbox, "pending_paid")
    assert plain_sandbox.payments(attempt.payment_hash)
    return attempt


def push_out(prize: PullPayment, sandbox: SandboxServer) -> None:
    """Another payment of the same amount, in a feed that shows the newest row alone."""
    newer = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=newer.pk, now=soon(1))
    sandbox.switch(feed_rows=1)


def asked_since(sandbox: SandboxServer, number: int) -> str:
    return str(sandbox.api("GET", f"/api/log?since={number}")["calls"])


def last_call(sandbox: SandboxServer) -> int:
    number: int = sandbox.api("GET", "/api/log")["calls"][-1]["number"]
    return number


def test_it_is_kept_at_the_moment_of_the_doubt_before_anybody_has_looked(
    prize: PullPayment, paid_in_doubt: PayoutAttempt, plain_sandbox: SandboxServer
) -> None:
    push_out(prize, plain_sandbox)
    assert looked_at(paid_in_doubt, 0.1).state == "Completed"
    assert graded(paid_in_doubt)["transactions"] == ("succeeded", "proof")


def test_its_details_are_asked_by_the_id_that_was_seen_once(
    prize: PullPayment, paid_in_doubt: PayoutAttempt, plain_sandbox: SandboxServer
) -> None:
    plain_sandbox.switch(ibex_outage=NO_DETAILS)
    assert looked_at(paid_in_doubt, 0.01).state == "InProgress"
    push_out(prize, plain_sandbox)
    assert looked_at(paid_in_doubt, 0.1).state == "Completed"
    assert graded(paid_in_doubt)["transactions"] == ("succeeded", "proof")
    assert paid_in_doubt.preimage == plain_sandbox.payments(paid_in_doubt.payment_hash)[0]["preimage"]
    assert len(plain_sandbox.payments(paid_in_doubt.payment_hash)) == 1


def test_details_that_named_no_payment_are_asked_again_though_the_feed_forgot_the_row(
    prize: PullPayment, paid_in_doubt: PayoutAttempt, plain_sandbox: SandboxServer
) -> None:
    plain_sandbox.switch(details="bare")
    assert looked_at(paid_in_doubt, 0.01).state == "InProgress"
    push_out(prize, plain_sandbox)
    plain_sandbox.switch(details="full")
    assert looked_at(paid_in_doubt, 0.1).state == "Completed"
    assert graded(paid_in_doubt)["transactions"] == ("succeeded", "proof")


def test_a_look_for_another_payment_keeps_its_row_too(
    prize: PullPayment, paid_in_doubt: PayoutAttempt, plain_sandbox: SandboxServer
) -> None:
    other = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(10_000)["bolt11"])
    plain_sandbox.switch(send={"value": "pending_paid", "next": 1})
    payout_send(payout_id=other.pk, now=soon(1))
    plain_sandbox.switch(ibex_outage=NO_DETAILS)
    assert looked_at(other.attempts.get(), 0.01).state == "InProgress"
    push_out(prize, plain_sandbox)
    plain_sandbox.switch(feed_empty=True)
    assert looked_at(paid_in_doubt, 0.1).state == "Completed"
    assert graded(paid_in_doubt)["transactions"] == ("succeeded", "proof")


def test_what_nobody_ever_saw_stays_in_doubt(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    attempt = in_doubt(prize, plain_sandbox, "pending_paid", feed_empty=True)
    assert plain_sandbox.payments(attempt.payment_hash)
    push_out(prize, plain_sandbox)
    plain_sandbox.switch(feed_empty=False)
    payout = looked_at(attempt, 0.1, 1)
    assert (payout.state, payout.needs_review) == ("InProgress", True)
    assert "transactions" not in graded(attempt)


@pytest.mark.parametrize("details", ["bare", "mixed"])
def test_a_kept_row_that_names_no_payment_or_two_of_them_proves_nothing(
    prize: PullPayment, paid_in_doubt: PayoutAttempt, plain_sandbox: SandboxServer, details: str
) -> None:
    plain_sandbox.switch(details=details)
    looked_at(paid_in_doubt, 0.01)
    push_out(prize, plain_sandbox)
    payout = looked_at(paid_in_doubt, 0.1, 1, 20)
    assert (payout.state, payout.needs_review) == ("InProgress", True)
    assert "proof" not in {grade for _, grade in graded(paid_in_doubt).values()}
    assert not WalletTransaction.objects.exclude(payment_hash="", preimage="").exists()


def test_a_row_that_flash_never_tells_of_does_not_stand_before_the_others(
    prize: PullPayment, plain_sandbox: SandboxServer
) -> None:
    """Both fit equally; whichever is asked first is refused, and the next look begins with the other."""
    plain_sandbox.switch(ibex_outage={**NO_DETAILS, "next": 2})
    attempts = [in_doubt(prize, plain_sandbox, "pending_paid") for _ in range(2)]
    for attempt in attempts:
        looked_at(attempt, 0.01)
    assert sorted(row.data["refused"] for row in WalletTransaction.objects.all()) == [1, 1]
    assert {looked_at(attempt, 0.1).state for attempt in attempts} == {"Completed"}


def test_bare_details_are_not_asked_for_ever(
    prize: PullPayment, paid_in_doubt: PayoutAttempt, plain_sandbox: SandboxServer
) -> None:
    plain_sandbox.switch(details="bare")
    looked_at(paid_in_doubt, 0.01, 1)
    before = last_call(plain_sandbox)
    looked_at(paid_in_doubt, 2)
    assert "transactionDetails" in asked_since(plain_sandbox, before)
    before = last_call(plain_sandbox)
    looked_at(paid_in_doubt, 26, 30)
    later = asked_since(plain_sandbox, before)
    assert "'me'" in later
    assert "transactionDetails" not in later


def test_a_proof_is_never_unsaid(
    prize: PullPayment, paid_in_doubt: PayoutAttempt, plain_sandbox: SandboxServer
) -> None:
    """Another look learned the preimage; that Flash tells less of the row now changes nothing."""
    other = in_doubt(prize, plain_sandbox)
    looked_at(other, 0.01)
    known = WalletTransaction.objects.values_list("payment_hash", "preimage").get()
    assert known[0] == paid_in_doubt.payment_hash
    plain_sandbox.switch(details="bare", feed_empty=True)
    assert looked_at(paid_in_doubt, 0.1).state == "Completed"
    assert WalletTransaction.objects.values_list("payment_hash", "preimage").get() == known
