"""A payout that the shop paid in another way: said in the browser, with how, and only while FlashPay has nothing under way."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from flashpay.lightning import invoice_read
from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Role, Store
from payouts.models import Payout, PayoutState, PullPayment
from payouts.services import payout_claim, payout_send, pull_payment_create
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

HOW = "In cash on Friday, receipt 17"
ASKS = 'data-dialog="mark-paid"'


@pytest.fixture
def prize(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor="alice")


@pytest.fixture
def payout(prize: PullPayment, sandbox: SandboxServer) -> Payout:
    return payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])


def page_of(payout: Payout) -> str:
    return f"/stores/{payout.store_id}/payouts/{payout.pk}"


def mark(client: Client, payout: Payout, reason: str = HOW) -> str:
    """Mark it in the browser, and give back the page that follows."""
    answer = client.post(f"{page_of(payout)}/act", {"action": "mark_paid", "reason": reason}, follow=True)
    payout.refresh_from_db()
    return html.unescape(answer.content.decode())


def marks() -> list[tuple[str, object]]:
    return list(Event.objects.filter(type="PayoutMarkedPaid").values_list("actor", "evidence"))


def test_it_is_completed_with_the_reason_and_nothing_is_ever_sent(
    merchant: Client, payout: Payout, prize: PullPayment, sandbox: SandboxServer
) -> None:
    assert ASKS in merchant.get(page_of(payout)).content.decode()
    page = mark(merchant, payout)
    assert "FlashPay sends nothing more for it" in page
    assert "FlashPay sent nothing: somebody said that it was paid in another way." in page
    assert HOW in page
    assert (payout.state, payout.reason, payout.completed_at is not None) == ("Completed", HOW, True)
    assert marks() == [("alice@example.com", {"reason": HOW})]
    payout_send(payout_id=payout.pk)
    assert not payout.attempts.exists()
    assert not sandbox.payments(invoice_read(payout.destination).payment_hash)
    prize.refresh_from_db()
    assert prize.claimed == 20_000


def test_its_public_pages_say_so_and_wait_for_no_proof(merchant: Client, payout: Payout) -> None:
    mark(merchant, payout)
    for address in (f"/p/receipt/{payout.pk}", f"/p/{payout.pull_payment_id}/{payout.pk}"):
        page = html.unescape(Client().get(address).content.decode())
        assert "has noted that you were paid in another way" in page
        assert HOW in page
        assert 'http-equiv="refresh"' not in page
        assert "as soon as it has arrived" not in page


@pytest.mark.parametrize("reason", ["", "cash", "          x          "])
def test_without_a_sentence_nothing_changes(merchant: Client, payout: Payout, reason: str) -> None:
    assert "Say in a sentence how it was paid" in mark(merchant, payout, reason)
    assert (payout.state, marks()) == ("AwaitingPayment", [])


@pytest.mark.parametrize(
    "state", [PayoutState.AWAITING_APPROVAL, PayoutState.IN_PROGRESS, PayoutState.COMPLETED, PayoutState.CANCELLED]
)
def test_in_any_other_state_it_is_neither_offered_nor_done(merchant: Client, payout: Payout, state: str) -> None:
    Payout.objects.update(state=state)
    assert ASKS not in merchant.get(page_of(payout)).content.decode()
    assert "Only a payout that awaits its payment can be marked as paid" in mark(merchant, payout)
    assert (payout.state, payout.completed_at, marks()) == (state, None, [])


@pytest.mark.parametrize("role", [Role.GUEST, Role.EMPLOYEE])
def test_who_may_not_manage_payouts_neither_sees_nor_does_it(client: Client, payout: Payout, role: Role) -> None:
    eve = user_make("eve")
    member_add(payout.store, eve, role)
    client.force_login(eve)
    page = client.get(page_of(payout)).content.decode()
    assert payout.pk in page
    assert ASKS not in page
    assert client.post(f"{page_of(payout)}/act", {"action": "mark_paid", "reason": HOW}).status_code == 403
    payout.refresh_from_db()
    assert (payout.state, marks()) == ("AwaitingPayment", [])


def test_after_an_alarm_it_is_the_way_out_and_ends_the_review(merchant: Client, payout: Payout) -> None:
    """A payment arrived that had been taken for failed: nothing more is sent, and nobody decides about a doubt that is none."""
    Payout.objects.update(needs_review=True)
    page = merchant.get(page_of(payout)).content.decode()
    assert ASKS in page
    assert "had been taken for failed" in page
    assert 'data-dialog="not-paid"' not in page
    mark(merchant, payout)
    assert (payout.state, payout.needs_review) == ("Completed", False)
