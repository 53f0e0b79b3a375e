"""What a merchant changes about a pull payment in the browser, and the limits typed when it is made."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from django.test import Client
from django.utils import timezone

from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store, User
from payouts.models import PayoutAttempt, PullPayment
from payouts.services import (
    payout_claim,
    payout_send,
    pull_payment_archive,
    pull_payment_code_set,
    pull_payment_create,
)
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def prize(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, name="Prize", actor="alice")


def page_of(prize: PullPayment) -> str:
    return f"/stores/{prize.store_id}/pull-payments/{prize.pk}"


def act(client: Client, prize: PullPayment, action: str, **typed: str) -> str:
    """Do it in the browser, and give back the sentence that the page then shows."""
    answer = client.post(f"{page_of(prize)}/act", {"action": action, **typed}, follow=True)
    prize.refresh_from_db()
    return " ".join(str(message) for message in answer.context["messages"])


def changes(prize: PullPayment) -> list[tuple[str, str]]:
    events = Event.objects.filter(entity="pullpayment", entity_id=prize.pk).exclude(type="PullPaymentCreated")
    return list(events.values_list("type", "actor"))


def test_it_pauses_and_resumes(merchant: Client, prize: PullPayment, sandbox: SandboxServer) -> None:
    assert "Nobody can claim" in act(merchant, prize, "pause")
    assert prize.paused
    with pytest.raises(Refusal):
        payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    assert 'value="resume"' in merchant.get(page_of(prize)).content.decode()
    act(merchant, prize, "resume")
    assert not prize.paused
    assert payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"]).pk
    assert changes(prize)[:2] == [
        ("PullPaymentPaused", "alice@example.com"),
        ("PullPaymentResumed", "alice@example.com"),
    ]


def test_it_moves_the_end_on_the_stores_clock(merchant: Client, prize: PullPayment) -> None:
    Store.objects.filter(pk=prize.store_id).update(time_zone="America/Jamaica")
    day = (timezone.now() + timedelta(days=9)).date()
    act(merchant, prize, "extend", expires_at=f"{day}T18:00")
    assert prize.expires_at is not None
    assert prize.expires_at.isoformat() == f"{day}T23:00:00+00:00"
    assert f'value="{day}T18:00"' in merchant.get(page_of(prize)).content.decode()
    assert "checked" not in str(merchant.get(page_of(prize)).context["action_forms"]["extend"]["never"])
    act(merchant, prize, "extend", expires_at=f"{day}T18:00", never="on")
    assert prize.expires_at is None
    assert changes(prize) == [("PullPaymentExtended", "alice@example.com")] * 2


@pytest.mark.parametrize("typed", [{}, {"expires_at": ""}, {"expires_at": "soon"}, {"expires_at": "2020-01-01T10:00"}])
def test_an_end_that_is_none_changes_nothing(merchant: Client, prize: PullPayment, typed: dict[str, str]) -> None:
    end = timezone.now() + timedelta(days=2)
    PullPayment.objects.filter(pk=prize.pk).update(expires_at=end)
    assert act(merchant, prize, "extend", **typed)
    assert (prize.expires_at, changes(prize)) == (end, [])


def test_it_raises_the_amount_once_however_often_it_is_clicked(merchant: Client, prize: PullPayment) -> None:
    assert "10,000" in act(merchant, prize, "raise", amount="10,000", seen="50000")
    assert "nothing was added" in act(merchant, prize, "raise", amount="10,000", seen="50000")
    assert (prize.amount, changes(prize)) == (60_000, [("PullPaymentRaised", "alice@example.com")])


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.5", "much", "99999999999999999999"])
def test_an_amount_that_is_none_changes_nothing(merchant: Client, prize: PullPayment, amount: str) -> None:
    assert act(merchant, prize, "raise", amount=amount, seen="50000")
    assert (prize.amount, changes(prize)) == (50_000, [])


def test_it_sets_and_removes_the_claim_code(merchant: Client, prize: PullPayment) -> None:
    act(merchant, prize, "code", claim_code="4711")
    PullPayment.objects.filter(pk=prize.pk).update(claim_code_failures=10)
    page = merchant.get(page_of(prize)).content.decode()
    assert "Locked after too many wrong tries" in page
    assert "4711" not in page
    act(merchant, prize, "code", claim_code="4712")
    assert (bool(prize.claim_code_hash), prize.claim_code_failures) == (True, 0)
    act(merchant, prize, "code", claim_code="")
    assert not prize.claim_code_hash
    assert [type for type, _ in changes(prize)] == ["PullPaymentCodeSet"] * 2 + ["PullPaymentCodeRemoved"]


@pytest.mark.parametrize("code", ["123", "x" * 65])
def test_a_code_of_a_wrong_length_leaves_the_old_one(merchant: Client, prize: PullPayment, code: str) -> None:
    pull_payment_code_set(pull_payment=prize, code="4711", actor="alice")
    before = prize.claim_code_hash
    assert act(merchant, prize, "code", claim_code=code)
    assert (prize.claim_code_hash, len(changes(prize))) == (before, 1)


ACTIONS = {
    "pause": {},
    "extend": {"expires_at": "2099-01-01T10:00"},
    "raise": {"amount": "10", "seen": "50000"},
    "code": {"claim_code": "4711"},
}


@pytest.mark.parametrize("action", [*ACTIONS, "dance"])
def test_an_archived_one_and_an_unknown_action_change_nothing(
    merchant: Client, prize: PullPayment, action: str
) -> None:
    if action != "dance":
        pull_payment_archive(pull_payment=prize, actor="alice")
    before = PullPayment.objects.values().get(pk=prize.pk)
    events = changes(prize)
    assert act(merchant, prize, action, **ACTIONS.get(action, {}))
    assert (PullPayment.objects.values().get(pk=prize.pk), changes(prize)) == (before, events)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("role", "status"), [(None, 404), ("Employee", 403), ("Guest", 403)])
def test_who_may_not_changes_nothing(
    client: Client, prize: PullPayment, action: str, role: str | None, status: int
) -> None:
    person = user_make("erin")
    if role:
        member_add(prize.store, person, role)
    client.force_login(person)
    before = PullPayment.objects.values().get(pk=prize.pk)
    assert client.post(f"{page_of(prize)}/act", {"action": action, **ACTIONS[action]}).status_code == status
    assert (PullPayment.objects.values().get(pk=prize.pk), changes(prize)) == (before, [])
    if role:
        assert f"{page_of(prize)}/act" not in client.get(page_of(prize)).content.decode()


def test_another_stores_pull_payment_is_not_found(client: Client, prize: PullPayment, charlie: User) -> None:
    client.force_login(charlie)
    own = charlie.memberships.get().store_id
    assert client.post(f"/stores/{own}/pull-payments/{prize.pk}/act", {"action": "pause"}).status_code == 404
    prize.refresh_from_db()
    assert not prize.paused


MADE = {"amount": "50,000", "currency": "SAT", "name": "Prize", "auto_approve": "on"}
LIMITS = {
    "minimum_claim": "10,000",
    "maximum_claim": "20,000",
    "maximum_claims": "3",
    "claim_code": "4711",
    "starts_at": "2099-01-01T10:00",
    "renews_every": "week",
    "approve_by_hand_above": "15,000",
    "two_people_above": "18,000",
}


def test_it_makes_one_with_every_limit(merchant: Client, connected_store: Store) -> None:
    answer = merchant.post(f"/stores/{connected_store.pk}/pull-payments/new", MADE | LIMITS)
    made = PullPayment.objects.get()
    assert answer["Location"] == page_of(made)
    assert (made.minimum_claim, made.maximum_claim, made.maximum_claims) == (10_000, 20_000, 3)
    assert (made.approve_by_hand_above, made.two_people_above, made.renews_every) == (15_000, 18_000, "week")
    assert (bool(made.claim_code_hash), made.starts_at.year) == (True, 2099)
    page = merchant.get(page_of(made)).content.decode()
    for shown in ("Largest claim", "0 of 3", "Needed for every claim", "Two approvals above", "Every week"):
        assert shown in page


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("minimum_claim", "50,001"),
        ("minimum_claim", "some"),
        ("maximum_claim", "9,000"),
        ("maximum_claims", "0"),
        ("claim_code", "123"),
        ("starts_at", "soon"),
        ("renews_every", "hour"),
        ("two_people_above", "-1"),
    ],
)
def test_a_limit_that_cannot_be_is_said_at_its_field(
    merchant: Client, connected_store: Store, field: str, typed: str
) -> None:
    answer = merchant.post(f"/stores/{connected_store.pk}/pull-payments/new", MADE | LIMITS | {field: typed})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert '<details class="fp-more" open>' in answer.content.decode()
    assert not PullPayment.objects.exists()


def paid(prize: PullPayment, sandbox: SandboxServer) -> PayoutAttempt:
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=payout.pk, now=timezone.now())
    return payout.attempts.get()


def payout_page(client: Client, attempt: PayoutAttempt, **known: object) -> str:
    PayoutAttempt.objects.filter(pk=attempt.pk).update(**known)
    store_id = attempt.payout.store_id
    return client.get(f"/stores/{store_id}/payouts/{attempt.payout_id}").content.decode()


def test_the_payout_shows_what_the_service_said_and_where_to_verify(
    merchant: Client, prize: PullPayment, sandbox: SandboxServer
) -> None:
    attempt = paid(prize, sandbox)
    said = {"tag": "message", "message": "Thank <b>you</b>"}
    page = payout_page(merchant, attempt, success_action=said, verify_url="https://pay.example/verify/1")
    assert "Thank &lt;b&gt;you&lt;/b&gt;" in page
    assert "https://pay.example/verify/1" in page
    link = {"tag": "url", "description": "Your order", "url": "https://pay.example/order"}
    page = payout_page(merchant, attempt, success_action=link)
    assert "https://pay.example/order" in page
    assert 'href="https://pay.example' not in page


def test_what_the_service_said_waits_until_it_was_paid(
    merchant: Client, prize: PullPayment, sandbox: SandboxServer
) -> None:
    attempt = paid(prize, sandbox)
    said = {"tag": "message", "message": "Thank you"}
    assert "Thank you" not in payout_page(merchant, attempt, success_action=said, state="unknown")


def test_a_sealed_message_is_shown_opened_by_the_preimage(
    merchant: Client, prize: PullPayment, sandbox: SandboxServer
) -> None:
    attempt = paid(prize, sandbox)
    preimage = sandbox.payments(attempt.payment_hash)[0]["preimage"]
    padder = PKCS7(128).padder()
    sealer = Cipher(algorithms.AES(bytes.fromhex(preimage)), modes.CBC(bytes(16))).encryptor()
    sealed = sealer.update(padder.update(b"door 77") + padder.finalize()) + sealer.finalize()
    said = {
        "tag": "aes",
        "description": "Your code",
        "ciphertext": base64.b64encode(sealed).decode(),
        "iv": base64.b64encode(bytes(16)).decode(),
    }
    page = payout_page(merchant, attempt, success_action=said, preimage=preimage)
    assert "Your code<br>door 77" in page
    page = payout_page(merchant, attempt, success_action=said, preimage="")
    assert "door 77" not in page
    assert "opens as soon as" in page


def test_the_list_comes_as_csv_with_its_filters(
    merchant: Client, connected_store: Store, prize: PullPayment, sandbox: SandboxServer
) -> None:
    done = paid(prize, sandbox).payout
    waits = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(15_000)["bolt11"])
    pages = f"/stores/{connected_store.pk}/payouts"
    assert f"{pages}.csv?state=Completed" in merchant.get(f"{pages}?state=Completed").content.decode()
    answer = merchant.get(f"{pages}.csv?state=Completed")
    table = answer.getvalue().decode()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert (done.pk in table, waits.pk in table) == (True, False)
    table = merchant.get(f"{pages}.csv?q={waits.pk}").getvalue().decode()
    assert (done.pk in table, waits.pk in table) == (False, True)
