"""Every place where a worker can die, times every way in which Flash can answer: paid at most once, nothing lost.

A worker dies by a database that takes no further statement: what was committed stays, everything else is gone, and its lease
is not given back, as after SIGKILL. The Flash of these tests is the sandbox, which knows what was truly paid.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashpay import live
from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Store
from payouts.models import OPEN_ATTEMPT_STATES, AttemptState, Payout, PayoutState, PullPayment
from payouts.services import payout_cancel, payout_claim, payout_reconcile, payout_send, pull_payment_create
from tests.payouts.conftest import ALICE
from tests.payouts.lnurl_service import LnurlRecipient
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SEND = "lnInvoicePaymentSend"
ANSWERS: dict[str, dict[str, Any]] = {
    "success": {},
    "answer lost": {"cut": {"value": "after", "next": 1, "operation": SEND}},
    "never arrived": {"cut": {"value": "before", "next": 1, "operation": SEND}},
    "refused": {"http_status": {"value": 401, "next": 1, "operation": SEND}},
    "bad gateway": {"http_status": {"value": 502, "next": 1, "operation": SEND}},
    "PENDING, paid": {"send": {"value": "pending_paid", "next": 1}},
    "PENDING for ever": {"send": {"value": "pending_forever", "next": 1}},
    "FAILURE, paid": {"send": {"value": "failure_paid", "next": 1}},
    "FAILURE, not paid": {"send": {"value": "failure", "next": 1}},
    "empty FAILURE, paid": {"send": {"value": "failure_empty_paid", "next": 1}},
    "reimbursed": {"send": {"value": "failure_reimbursed", "next": 1}, "later_s": 0},
}


class Killed(BaseException):
    """The worker is dead. Nothing of the program may catch it."""


class Mortal:
    """While it is active, the database takes so many writes and then nothing any more."""

    def __init__(self, writes: int) -> None:
        self.left = writes
        self.seen = 0
        self.dead = False

    def __call__(self, execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
        if str(sql).startswith(("INSERT", "UPDATE")):
            self.seen += 1
            self.left -= 1
        if self.dead or self.left < 0:
            self.dead = True
            raise Killed
        return execute(sql, *rest)


def run_mortal(work: Callable[[], None], writes: int) -> Mortal:
    """Do `work` in a worker that dies at its write number `writes` + 1."""
    mortal = Mortal(writes)
    with suppress(Killed), connection.execute_wrapper(mortal):
        work()
    if mortal.dead:
        connection.close()
    return mortal


def begin_anew(sandbox: SandboxServer) -> None:
    """Switches back to their start, and no request counted against Flash's limits: an hour passes in a second here."""
    sandbox.api("POST", "/api/reset")
    live.connection().flushdb()


def recovered(payout: Payout) -> Payout:
    """What the sweeps do in the next half hour."""
    start = timezone.now()
    for seconds in (10, 40, 120, 300, 700, 1_500):
        payout_send(payout_id=payout.pk, now=start + timedelta(seconds=seconds))
        payout_reconcile(payout_id=payout.pk, now=start + timedelta(seconds=seconds + 5))
    payout.refresh_from_db()
    return payout


def truly_paid(sandbox: SandboxServer, payout: Payout) -> int:
    hashes = set(payout.attempts.values_list("payment_hash", flat=True))
    return sum(len(sandbox.payments(each)) for each in hashes)


def assert_sound(sandbox: SandboxServer, payout: Payout) -> None:
    """What must be true of a payout at every moment, whatever happened."""
    paid = truly_paid(sandbox, payout)
    states = list(payout.attempts.values_list("state", flat=True))
    in_the_open = [state for state in states if state in OPEN_ATTEMPT_STATES]
    assert paid <= 1
    assert len(in_the_open) == (1 if payout.state == PayoutState.IN_PROGRESS else 0)
    if payout.state == PayoutState.COMPLETED:
        assert paid == 1
        assert states.count(AttemptState.SUCCEEDED) == 1
    if payout.state in (PayoutState.CANCELLED, PayoutState.AWAITING_PAYMENT, PayoutState.AWAITING_APPROVAL):
        assert paid == 0
        assert set(states) <= {AttemptState.FAILED}


CASES = [("invoice", answer) for answer in ANSWERS] + [
    ("LNURL", answer) for answer in ("success", "answer lost", "refused", "reimbursed")
]
CERTAIN = {"success", "answer lost", "never arrived", "refused", "bad gateway", "PENDING, paid", "FAILURE, paid"}


@pytest.mark.parametrize(("kind", "answer"), CASES)
def test_it_is_paid_once_wherever_its_worker_dies(
    connected_store: Store, recipient: LnurlRecipient, kind: str, answer: str
) -> None:
    sandbox = recipient.sandbox
    writes = 0
    while True:
        begin_anew(sandbox)
        prize = pull_payment_create(store=connected_store, amount=20_000, currency=SAT, actor=ALICE)
        destination = sandbox.phone_invoice(20_000)["bolt11"] if kind == "invoice" else recipient.lnurl
        payout = payout_claim(pull_payment=prize, destination=destination, amount=20_000)
        sandbox.switch(**ANSWERS[answer])
        work = lambda: payout_send(payout_id=payout.pk, now=timezone.now() + timedelta(seconds=1))  # noqa: B023, E731
        mortal = run_mortal(work, writes)
        payout.refresh_from_db()
        payout = recovered(payout)
        assert_sound(sandbox, payout)
        if answer in CERTAIN:
            assert payout.state == PayoutState.COMPLETED, (answer, writes)
        if not mortal.dead:
            break
        writes += 1 if answer in ("success", "answer lost") else 2
    assert writes >= 8


# --- Random histories -----------------------------------------------------------------------------------------------

STEP = st.one_of(
    st.tuples(
        st.just("claim"), st.sampled_from(["invoice", "LNURL"]), st.sampled_from([10_000, 20_000, 30_000, 60_000])
    ),
    st.tuples(st.just("send"), st.integers(0, 3), st.sampled_from([99, 99, 99, 0, 2, 4, 6, 8, 10])),
    st.tuples(st.just("look"), st.integers(0, 3), st.sampled_from([99, 99, 99, 0, 1, 2, 4])),
    st.tuples(st.just("cancel"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("answer"), st.sampled_from(sorted(ANSWERS)), st.just(0)),
    st.tuples(st.just("repeat"), st.integers(0, 3), st.just(0)),
)


class History:
    """One pull payment, whatever happens to it, and the time that passes meanwhile."""

    def __init__(self, store: Store, recipient: LnurlRecipient) -> None:
        self.sandbox, self.recipient = recipient.sandbox, recipient
        begin_anew(self.sandbox)
        self.prize = pull_payment_create(store=store, amount=60_000, currency=SAT, actor=ALICE)
        self.now = timezone.now()

    def step(self, what: str, which: Any, how: Any) -> None:
        self.now += timedelta(seconds=20)
        payouts = list(self.prize.payouts.order_by("created_at", "pk"))
        payout = payouts[which % len(payouts)] if payouts and isinstance(which, int) else None
        self.prize.refresh_from_db()
        if what == "answer":
            self.sandbox.switch(**ANSWERS[which])
        elif what == "claim":
            to = self.sandbox.phone_invoice(how)["bolt11"] if which == "invoice" else self.recipient.lnurl
            with suppress(Refusal):
                payout_claim(pull_payment=self.prize, destination=to, amount=how, now=self.now)
        elif payout is None:
            return
        elif what == "send":
            run_mortal(lambda: payout_send(payout_id=payout.pk, now=self.now), how)
        elif what == "look":
            run_mortal(lambda: payout_reconcile(payout_id=payout.pk, now=self.now), how)
        elif what == "cancel":
            with suppress(Refusal):
                payout_cancel(payout=payout, reason="not wanted", actor=ALICE, now=self.now)
        elif payout.destination_kind == "bolt11":
            with suppress(Refusal):
                again = payout_claim(pull_payment=self.prize, bolt11=payout.destination, now=self.now)
                assert again == payout

    def assert_sound(self) -> None:
        prize = PullPayment.objects.get(pk=self.prize.pk)
        payouts = list(prize.payouts.all())
        kept = prize.payouts.exclude(state=PayoutState.CANCELLED).aggregate(sum=Sum("amount"))["sum"] or 0
        assert prize.claimed == kept <= prize.amount
        assert prize.claims == sum(1 for payout in payouts if payout.state != PayoutState.CANCELLED)
        for payout in payouts:
            assert_sound(self.sandbox, payout) if payout.state != PayoutState.IN_PROGRESS else None
        assert sum(truly_paid(self.sandbox, payout) for payout in payouts) <= len(payouts)
        hashes = {each for payout in payouts for each in payout.attempts.values_list("payment_hash", flat=True)}
        sent = sum(payment["amount_sat"] for each in hashes for payment in self.sandbox.payments(each))
        assert sent <= prize.amount


@given(steps=st.lists(STEP, min_size=6, max_size=18))
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_history_pays_twice_or_too_much_or_forgets_a_sat(
    connected_store: Store, recipient: LnurlRecipient, steps: list[tuple[str, Any, Any]]
) -> None:
    history = History(connected_store, recipient)
    for step in steps:
        history.step(*step)
    history.assert_sound()
    for payout in history.prize.payouts.all():
        assert_sound(history.sandbox, recovered(payout))
    history.assert_sound()
