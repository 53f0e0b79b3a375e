"""A claim that is too small, where the shop offers the smallest amount instead: seen, and confirmed with one press."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import Payout, PullPayment
from payouts.services import payout_policy_update, pull_payment_create
from tests.payouts.conftest import ALICE
from tests.payouts.recipients import wallet_make

pytestmark = pytest.mark.django_db

TYPED = {"destination": "anna@example.com", "amount": "3000", "request_key": "one-press"}


@pytest.fixture
def prize(store: Store) -> PullPayment:
    wallet_make(store)
    payout_policy_update(store=store, actor=ALICE, minimum_policy="raise")
    return pull_payment_create(store=store, amount=50_000, currency=SAT, actor=ALICE)


def offered(client: Client, prize: PullPayment, **typed: str) -> tuple[str, dict[str, str]]:
    """The page's words, and what its button would send."""
    answer = client.post(f"/p/{prize.pk}", TYPED | typed)
    assert answer.status_code == 422
    page = html.unescape(answer.content.decode()).replace("\N{NO-BREAK SPACE}", " ")
    box = page.partition('role="alert"')[2].partition("</form>")[0]
    return box, dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', box))


def test_it_shows_what_was_asked_what_is_sent_and_what_is_left(client: Client, prize: PullPayment) -> None:
    box, _ = offered(client, prize)
    for shown in ("The smallest amount that can be sent is 10,000 sat", "3,000 sat", "40,000 sat", "Claim 10,000 sat"):
        assert shown in box
    assert "Nothing was claimed yet." in box
    prize.refresh_from_db()
    assert (Payout.objects.count(), prize.claimed) == (0, 0)


def test_one_press_claims_it_and_a_second_press_claims_nothing_more(client: Client, prize: PullPayment) -> None:
    _, sent = offered(client, prize)
    first = client.post(f"/p/{prize.pk}", sent)
    assert client.post(f"/p/{prize.pk}", sent)["Location"] == first["Location"]
    prize.refresh_from_db()
    assert (Payout.objects.get().amount, prize.claimed) == (10_000, 10_000)


def test_a_claim_code_goes_with_it(client: Client, prize: PullPayment) -> None:
    from payouts.services import pull_payment_code_set

    pull_payment_code_set(pull_payment=prize, code="tulip", actor=ALICE)
    _, sent = offered(client, prize, claim_code="tulip")
    assert client.post(f"/p/{prize.pk}", sent).status_code == 302


def test_where_the_shop_refuses_instead_there_is_no_offer(client: Client, prize: PullPayment) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse")
    box, sent = offered(client, prize)
    assert (box, sent) == ("", {})


def test_more_than_is_left_is_not_offered(client: Client, prize: PullPayment) -> None:
    PullPayment.objects.update(claimed=45_000)
    assert offered(client, prize) == ("", {})
    assert not Payout.objects.exists()
