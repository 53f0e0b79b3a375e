"""Two hands at one payout in the same moment: one of them wins, and the money follows the winner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Store
from payouts.models import Payout, PullPayment
from payouts.services import payout_cancel, payout_claim, payout_reconcile, payout_send, pull_payment_create
from tests.payouts.conftest import ALICE
from tests.payouts.lnurl_service import LnurlRecipient
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run each in a thread and connection of its own, let go together; a Refusal comes back as its code."""
    gate = threading.Barrier(len(works), timeout=20)

    def run(work: Callable[[], Any]) -> Any:
        try:
            gate.wait()
            return work()
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.mark.parametrize("_round", range(4))
def test_cancelling_and_sending_have_one_winner(
    connected_store: Store, plain_sandbox: SandboxServer, _round: int
) -> None:
    prize = pull_payment_create(store=connected_store, amount=20_000, currency=SAT, actor=ALICE)
    asked = plain_sandbox.phone_invoice(20_000)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    soon = timezone.now() + timedelta(seconds=1)
    mine = Payout.objects.get(pk=payout.pk)
    at_once(
        lambda: payout_send(payout_id=payout.pk, now=soon),
        lambda: payout_cancel(payout=mine, reason="no", actor=ALICE),
    )
    payout.refresh_from_db()
    prize.refresh_from_db()
    paid = len(plain_sandbox.payments(asked["payment_hash"]))
    assert (payout.state, paid, prize.claimed) in [("Completed", 1, 20_000), ("Cancelled", 0, 0)]


def test_many_workers_at_one_payout_ask_the_recipient_once(connected_store: Store, recipient: LnurlRecipient) -> None:
    prize = pull_payment_create(store=connected_store, amount=20_000, currency=SAT, actor=ALICE)
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl)
    soon = timezone.now() + timedelta(seconds=1)
    at_once(*[lambda: payout_send(payout_id=payout.pk, now=soon)] * 6)
    at_once(*[lambda: payout_reconcile(payout_id=payout.pk, now=soon)] * 4)
    payout.refresh_from_db()
    assert (payout.state, payout.attempts.count(), len(recipient.asked)) == ("Completed", 1, 1)
    assert len(recipient.sandbox.payments(recipient.asked[0]["payment_hash"])) == 1


def test_two_payouts_at_once_do_not_both_take_the_last_of_the_wallet(
    store: Store, plain_sandbox: SandboxServer
) -> None:
    from tests import cast

    cast.wallet_give(store, plain_sandbox, balance_cents=2_000)
    prize = pull_payment_create(store=store, amount=60_000, currency=SAT, actor=ALICE)
    plain_sandbox.switch(send="pending_forever")
    both = [payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"]).pk for _ in range(2)]
    soon = timezone.now() + timedelta(seconds=1)
    at_once(*[lambda each=each: payout_send(payout_id=each, now=soon) for each in both])
    assert sorted(Payout.objects.values_list("state", flat=True)) == ["AwaitingPayment", "InProgress"]


def test_the_same_request_to_an_address_at_once_is_one_payout(connected_store: Store) -> None:
    prize = pull_payment_create(store=connected_store, amount=60_000, currency=SAT, actor=ALICE)

    def claim() -> str:
        mine = PullPayment.objects.select_related("store").get(pk=prize.pk)
        return payout_claim(pull_payment=mine, destination="bob@wallet.example", amount=20_000, claim_key="one form").pk

    assert len(set(at_once(*[claim] * 6))) == 1
    prize.refresh_from_db()
    assert (prize.claimed, prize.claims, Payout.objects.count()) == (20_000, 1, 1)
