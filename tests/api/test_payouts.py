from __future__ import annotations

from typing import Any

import pytest

from flashpay import lightning
from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store
from payouts.models import Payout, PayoutState
from payouts.services import payout_claim, payout_send, pull_payment_create
from tests.api.conftest import Script
from tests.sandbox_server import SandboxServer


@pytest.fixture
def payout(paying_store: Store, sandbox: SandboxServer) -> Payout:
    """Claimed, and waiting for approval."""
    pull_payment = pull_payment_create(
        store=paying_store, amount=50_000, currency=SAT, actor="alice", auto_approve=False
    )
    return payout_claim(pull_payment=pull_payment, bolt11=sandbox.phone_invoice(20_000)["bolt11"])


@pytest.fixture(params=["/stores/{store}/payouts/{id}", "/payouts/{id}"])
def path(request: pytest.FixtureRequest, payout: Payout) -> str:
    """A payout has two addresses: with its store and without."""
    text: str = request.param
    return text.format(store=payout.store_id, id=payout.pk)


def test_it_shows_a_payout(api: Script, payout: Payout, path: str) -> None:
    shown = api.get(path)
    assert (shown["id"], shown["state"], shown["payoutAmount"]) == (payout.pk, "AwaitingApproval", None)


def test_it_approves(api: Script, payout: Payout, path: str) -> None:
    shown = api.post(path, {"revision": 0})
    assert (shown["state"], shown["payoutAmount"]) == ("AwaitingPayment", "0.00020000")
    assert Event.objects.get(type="PayoutApproved").actor.startswith("alice@example.com")
    assert api.post(path, {"revision": 0}, 400)["code"] == "invalid-state"


def test_it_approves_nothing_under_an_old_revision(api: Script, payout: Payout, path: str) -> None:
    assert api.post(path, {"revision": 1}, 400)["code"] == "old-revision"
    api.post(path, {"rateRule": "kraken(BTC_USD)"}, 422)
    assert _state(payout) == PayoutState.AWAITING_APPROVAL


def test_it_cancels_and_gives_the_amount_back(api: Script, payout: Payout, path: str) -> None:
    api.delete(path)
    assert _state(payout) == PayoutState.CANCELLED
    assert payout.pull_payment is not None
    payout.pull_payment.refresh_from_db()
    assert payout.pull_payment.claimed == 0
    assert api.get(f"/stores/{payout.store_id}/payouts") == []
    (listed,) = api.get(f"/stores/{payout.store_id}/payouts?includeCancelled=true")
    assert (listed["state"], listed["reason"]) == ("Cancelled", "Cancelled by the shop.")


@pytest.mark.django_db(transaction=True)
def test_it_shows_the_proof_of_a_completed_payout_which_nothing_can_cancel(
    api: Script, payout: Payout, sandbox: SandboxServer
) -> None:
    path = f"/payouts/{payout.pk}"
    api.post(path, {})
    payout_send(payout_id=payout.pk)
    shown = api.get(path)
    assert shown["state"] == "Completed"
    proof = shown["paymentProof"]
    assert (proof["proofType"], proof["id"]) == ("PayoutLightningBlob", proof["PaymentHash"])
    assert proof["PaymentHash"] == lightning.invoice_read(payout.destination).payment_hash
    if proof["Preimage"] is not None:
        assert lightning.preimage_matches(proof["Preimage"], proof["PaymentHash"])
    assert api.ask("DELETE", path).json()["code"] == "invalid-state"
    assert _state(payout) == PayoutState.COMPLETED
    assert len(sandbox.payments(proof["PaymentHash"])) == 1


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", {"revision": 0}), ("DELETE", None)])
def test_it_knows_no_payout_of_somebody_else(
    stranger: Script, payout: Payout, path: str, method: str, body: Any
) -> None:
    answer = stranger.ask(method, path, body)
    assert answer.status_code == 404
    assert answer.json()["code"] in ("store-not-found", "payout-not-found")
    assert _state(payout) == PayoutState.AWAITING_APPROVAL


@pytest.mark.parametrize(("method", "body"), [("POST", {"revision": 0}), ("DELETE", None)])
def test_it_lets_a_guest_look_and_decide_nothing(
    guest: Script, payout: Payout, path: str, method: str, body: Any
) -> None:
    guest.get(path)
    assert guest.ask(method, path, body).status_code == 403
    assert _state(payout) == PayoutState.AWAITING_APPROVAL


def test_it_lists_a_stores_payouts_to_its_members(api: Script, stranger: Script, payout: Payout) -> None:
    assert [shown["id"] for shown in api.get(f"/stores/{payout.store_id}/payouts")] == [payout.pk]
    assert stranger.get(f"/stores/{payout.store_id}/payouts", 404)["code"] == "store-not-found"


def _state(payout: Payout) -> str:
    payout.refresh_from_db()
    return payout.state
