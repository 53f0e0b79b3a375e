from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flashpay.stores import permissions
from flashpay.stores.models import Event, Store, User
from payouts.models import Payout, PayoutApproval, PayoutState, PullPayment
from tests.api.conftest import Script, script_of
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer

ADDRESS = "ada@pay.example"


@pytest.fixture
def path(paying_store: Store) -> str:
    return f"/stores/{paying_store.pk}/payouts"


@pytest.fixture
def pull_payment(api: Script, paying_store: Store) -> PullPayment:
    body = {"name": "Wages", "amount": "50000", "currency": "SAT"}
    return PullPayment.objects.get(pk=api.post(f"/stores/{paying_store.pk}/pull-payments", body)["id"])


def test_it_makes_one_that_waits_for_approval(api: Script, path: str) -> None:
    made = api.post(path, {"destination": ADDRESS, "amount": "0.0003", "metadata": {"run": 7}})
    assert (made["state"], made["originalAmount"], made["originalCurrency"]) == (
        "AwaitingApproval",
        "0.00030000",
        "BTC",
    )
    assert (made["destination"], made["pullPaymentId"], made["metadata"]) == (ADDRESS, None, {"run": 7})
    assert (made["approvals"], made["approvalsNeeded"]) == (0, 1)
    assert api.get(f"{path}/{made['id']}") == made
    assert Event.objects.get(type="PayoutCreated").actor.startswith("alice@example.com")


def test_it_makes_one_that_goes_out_at_once(api: Script, path: str, sandbox: SandboxServer) -> None:
    made = api.post(path, {"destination": sandbox.phone_invoice(20_000)["bolt11"], "approved": True})
    assert (made["state"], made["payoutAmount"]) == ("AwaitingPayment", "0.00020000")


def test_the_same_invoice_again_answers_the_same_payout(api: Script, path: str, sandbox: SandboxServer) -> None:
    body = {"destination": sandbox.phone_invoice(20_000)["bolt11"]}
    assert api.post(path, body)["id"] == api.post(path, body)["id"]
    assert Payout.objects.count() == 1


def test_an_address_is_paid_once_under_one_idempotency_key(api: Script, path: str) -> None:
    body = {"destination": ADDRESS, "amount": "30000", "currency": "SAT", "approved": True}
    key = {"Idempotency-Key": "wages of May"}
    assert api.post(path, body, **key) == api.post(path, body, **key)
    assert Payout.objects.count() == 1


def test_it_counts_in_the_currency_that_is_asked_for(api: Script, path: str, sandbox: SandboxServer) -> None:
    made = api.post(path, {"destination": ADDRESS, "amount": "12.70", "currency": "USD"})
    assert (made["originalCurrency"], made["originalAmount"]) == ("USD", "12.70")
    assert Payout.objects.get().rate is not None


@pytest.mark.parametrize(
    ("change", "path_of_it"),
    [
        ({"destination": "nonsense"}, "destination"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"currency": "XYZ"}, "currency"),
        ({"payoutMethodId": "BTC-CHAIN"}, "payoutMethodId"),
        ({"metadata": {"file": "x" * 20_000}}, "metadata"),
        ({"speed": "fast"}, "speed"),
    ],
)
def test_it_refuses_an_unusable_field_by_its_path_and_makes_nothing(
    api: Script, path: str, change: dict[str, Any], path_of_it: str
) -> None:
    (refused,) = api.post(path, {"destination": ADDRESS, "amount": "30000", "currency": "SAT"} | change, 422)
    assert refused["path"] == path_of_it
    if "metadata" not in change:
        assert not Payout.objects.exists()


def test_metadata_that_is_too_large_leaves_no_payout_behind(api: Script, path: str) -> None:
    body = {"destination": ADDRESS, "amount": "30000", "currency": "SAT", "metadata": {"file": "x" * 20_000}}
    (refused,) = api.post(path, body, 422)
    assert refused["path"] == "metadata"
    assert not Payout.objects.exists()


def test_it_needs_an_amount_where_the_destination_names_none(api: Script, path: str) -> None:
    assert api.post(path, {"destination": ADDRESS}, 422)
    assert not Payout.objects.exists()


def test_it_refuses_what_flash_would_not_send(api: Script, path: str) -> None:
    body = {"destination": ADDRESS, "amount": "900", "currency": "SAT"}
    assert api.post(path, body, 400)["code"] == "amount-too-low"
    assert not Payout.objects.exists()


def test_it_takes_it_out_of_a_pull_payment(api: Script, path: str, pull_payment: PullPayment) -> None:
    made = api.post(path, {"destination": ADDRESS, "amount": "20000", "pullPaymentId": pull_payment.pk})
    assert (made["pullPaymentId"], made["originalCurrency"]) == (pull_payment.pk, "SAT")
    assert made["state"] == "AwaitingApproval"
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 20_000


def test_it_approves_what_it_takes_out_of_a_pull_payment(api: Script, path: str, pull_payment: PullPayment) -> None:
    body = {"destination": ADDRESS, "amount": "20000", "pullPaymentId": pull_payment.pk, "approved": True}
    assert api.post(path, body)["state"] == "AwaitingPayment"
    assert PayoutApproval.objects.count() == 1


def test_one_person_cannot_approve_for_two(api: Script, path: str, pull_payment: PullPayment) -> None:
    PullPayment.objects.update(two_people_above=10_000)
    body = {"destination": ADDRESS, "amount": "20000", "pullPaymentId": pull_payment.pk, "approved": True}
    made = api.post(path, body)
    assert (made["state"], made["approvals"], made["approvalsNeeded"]) == ("AwaitingApproval", 1, 2)


def test_it_takes_no_more_than_is_left(api: Script, path: str, pull_payment: PullPayment) -> None:
    body = {"destination": ADDRESS, "amount": "60000", "pullPaymentId": pull_payment.pk}
    assert api.post(path, body, 400)["code"] == "overdraft"
    assert not Payout.objects.exists()


def test_a_wrong_claim_code_stays_counted_whatever_else_is_sent(
    api: Script, path: str, pull_payment: PullPayment
) -> None:
    api.post(f"/stores/{pull_payment.store_id}/pull-payments/{pull_payment.pk}/claim-code", {"claimCode": "sesame"})
    body = {"destination": ADDRESS, "amount": "20000", "pullPaymentId": pull_payment.pk, "claimCode": "guess"}
    for number in range(2):
        api.post(path, body, 400, **{"Idempotency-Key": f"try {number}"})
    pull_payment.refresh_from_db()
    assert pull_payment.claim_code_failures == 2
    assert not Payout.objects.exists()
    api.post(path, body | {"claimCode": "sesame"})


def test_somebody_elses_pull_payment_is_not_there(api: Script, charlie: User, path: str) -> None:
    body = {"destination": ADDRESS, "amount": "20000", "pullPaymentId": "1" * 22}
    assert api.post(path, body, 404)["code"] == "pullpayment-not-found"


def test_who_may_not_approve_may_not_send_at_once(paying_store: Store, path: str) -> None:
    eve = user_make("eve")
    member_add(paying_store, eve, "Employee")
    body = {"destination": ADDRESS, "amount": "30000", "currency": "SAT"}
    refused = script_of(eve).post(path, body | {"approved": True}, 403)
    assert refused["missingPermission"] == permissions.CREATE_PULL_PAYMENTS
    assert not Payout.objects.exists()
    assert script_of(eve).post(path, body)["state"] == "AwaitingApproval"


def test_guests_cashiers_and_strangers_pay_nobody(
    guest: Script, stranger: Script, anybody: Script, bob: User, path: str
) -> None:
    body = {"destination": ADDRESS, "amount": "30000", "currency": "SAT"}
    guest.post(path, body, 403)
    script_of(bob).post(path, body, 403)
    stranger.post(path, body, 404)
    anybody.post(path, body, 401)
    assert not Payout.objects.exists()


@pytest.fixture
def waiting(api: Script, path: str) -> dict[str, Any]:
    made: dict[str, Any] = api.post(
        path, {"destination": ADDRESS, "amount": "30000", "currency": "SAT", "approved": True}
    )
    return made


@pytest.fixture(params=["/payouts/{id}", "/stores/{store}/payouts/{id}"])
def one(request: pytest.FixtureRequest, paying_store: Store, waiting: dict[str, Any]) -> str:
    text: str = request.param
    return text.format(store=paying_store.pk, id=waiting["id"])


def test_it_is_marked_as_paid_in_another_way_with_the_reason(api: Script, anybody: Script, one: str) -> None:
    marked = api.post(f"{one}/mark-paid", {"reason": "Paid in cash on Friday"})
    assert (marked["state"], marked["reason"], marked["paymentProof"]) == ("Completed", "Paid in cash on Friday", None)
    event = Event.objects.get(type="PayoutMarkedPaid")
    assert (event.before, event.after, event.evidence) == (
        "AwaitingPayment",
        "Completed",
        {"reason": "Paid in cash on Friday"},
    )
    assert Payout.objects.get().completed_at is not None
    assert api.post(f"{one}/mark-paid", {"reason": "Paid in cash on Friday"}, 400)["code"] == "invalid-state"


@pytest.mark.parametrize("reason", ["", "ok", None])
def test_it_is_marked_as_paid_only_with_a_reason(api: Script, one: str, reason: str | None) -> None:
    (refused,) = api.post(f"{one}/mark-paid", {"reason": reason}, 422)
    assert refused["path"] == "reason"
    assert Payout.objects.get().state == PayoutState.AWAITING_PAYMENT


@pytest.mark.parametrize("state", [PayoutState.IN_PROGRESS, PayoutState.AWAITING_APPROVAL, PayoutState.CANCELLED])
def test_it_is_marked_as_paid_in_no_other_state(api: Script, one: str, state: PayoutState) -> None:
    Payout.objects.update(state=state)
    assert api.post(f"{one}/mark-paid", {"reason": "Paid in cash on Friday"}, 400)["code"] == "invalid-state"
    assert Payout.objects.get().state == state


def test_it_is_marked_with_any_state_that_a_person_may_give_it(api: Script, one: str) -> None:
    Payout.objects.update(state=PayoutState.AWAITING_APPROVAL, approvals_needed=1)
    assert api.post(f"{one}/mark", {"state": "AwaitingPayment"})["state"] == "AwaitingPayment"
    assert api.post(f"{one}/mark", {"state": "InProgress"}, 400)["code"] == "invalid-state"
    proof = {"proofType": "Cash", "id": "17"}
    body = {"state": "Completed", "reason": "Paid in cash on Friday", "paymentProof": proof}
    assert api.post(f"{one}/mark", body)["metadata"] == {"paymentProof": proof}
    assert api.post(f"{one}/mark", {"state": "Cancelled"}, 400)["code"] == "invalid-state"


def test_it_is_cancelled_by_a_mark(api: Script, one: str) -> None:
    marked = api.post(f"{one}/mark", {"state": "Cancelled", "reason": "Ordered twice"})
    assert (marked["state"], marked["reason"]) == ("Cancelled", "Ordered twice")


def test_who_may_not_manage_payouts_marks_none(guest: Script, stranger: Script, one: str) -> None:
    guest.post(f"{one}/mark-paid", {"reason": "Paid in cash on Friday"}, 403)
    stranger.post(f"{one}/mark", {"state": "Cancelled"}, 404)
    assert Payout.objects.get().state == PayoutState.AWAITING_PAYMENT


def test_its_own_page_says_that_it_was_paid_in_another_way_and_waits_no_more(
    api: Script, path: str, pull_payment: PullPayment, client: Client, alice: User
) -> None:
    body = {"destination": ADDRESS, "amount": "20000", "pullPaymentId": pull_payment.pk, "approved": True}
    made = api.post(path, body)
    api.post(f"/payouts/{made['id']}/mark-paid", {"reason": "Paid in cash on Friday"})
    page = client.get(f"/p/{pull_payment.pk}/{made['id']}").content.decode()
    assert "data-final" in page
    for words in ("paid in another way", "Paid in cash on Friday"):
        assert words in page
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    shops = client.get(f"/stores/{pull_payment.store_id}/payouts/{made['id']}").content.decode()
    assert "Paid in cash on Friday" in shops
