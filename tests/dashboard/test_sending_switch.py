"""The administrator's switch over all sending, and where everybody sees that it is on."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store, User
from payouts.models import PullPayment, SendingSwitch
from payouts.services import payout_claim, payout_send, pull_payment_create, sending_pause
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

STOP = {"action": "pause", "reason": "The wallet pays odd amounts."}


@pytest.fixture
def administrator(client: Client, alice: User) -> Client:
    alice.is_superuser = alice.is_staff = True
    alice.save()
    client.force_login(alice)
    return client


@pytest.fixture
def prize(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor="alice")


def test_it_stops_everything_at_once_and_lets_it_go_on(
    administrator: Client, prize: PullPayment, sandbox: SandboxServer
) -> None:
    administrator.post("/sending", STOP)
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=payout.pk)
    payout.refresh_from_db()
    assert (payout.state, payout.attempts.count()) == ("AwaitingPayment", 0)
    page = administrator.get("/sending").content.decode()
    assert "Nothing is sent." in page
    assert "1 payout waits" in page
    administrator.post("/sending", {"action": "resume", "reason": "It was a price."})
    payout_send(payout_id=payout.pk)
    payout.refresh_from_db()
    assert payout.state == "Completed"
    assert list(Event.objects.filter(entity="sendingswitch").values_list("type", "actor", "evidence__reason")) == [
        ("SendingPaused", "alice@example.com", STOP["reason"]),
        ("SendingResumed", "alice@example.com", "It was a price."),
    ]
    assert "It was a price." in administrator.get("/sending").content.decode()


def test_every_page_about_payouts_says_so_while_it_is_on(administrator: Client, store: Store) -> None:
    base = f"/stores/{store.pk}"
    pages = [base, *(f"{base}/{page}" for page in ("payouts", "payout-rules", "pull-payments", "payout-batches",
             "payout-batches/new", "vouchers", "recipients"))]  # fmt: skip
    for page in pages:
        assert "is stopped" not in administrator.get(page).content.decode(), page
    sending_pause(paused=True, actor="alice", reason=STOP["reason"])
    for page in pages:
        shown = administrator.get(page).content.decode()
        assert "All sending of this installation is stopped" in shown, page
        assert STOP["reason"] in shown, page
        assert 'href="/sending"' in shown, page


def test_a_reason_is_asked_for_and_without_it_nothing_changes(administrator: Client) -> None:
    answer = administrator.post("/sending", {"action": "pause", "reason": " "})
    assert answer.status_code == 422
    assert "Please say why" in answer.content.decode()
    administrator.post("/sending", {"action": "perhaps", "reason": "x"})
    assert not SendingSwitch.objects.exists()
    assert not Event.objects.filter(entity="sendingswitch").exists()


def test_for_everybody_else_there_is_no_such_page(client: Client, alice: User, store: Store) -> None:
    assert client.get("/sending").status_code == 302
    client.force_login(alice)
    assert client.get("/sending").status_code == 404
    assert client.post("/sending", STOP).status_code == 404
    assert 'href="/sending"' not in client.get(f"/stores/{store.pk}/payout-rules").content.decode()
    assert not SendingSwitch.objects.exists()
