"""Many wallets at one link in the same moment (W1, W2): real threads and connections on PostgreSQL, through the whole stack."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from flashpay.stores.models import PaymentHash, Store
from lnurl.endpoints.withdraw import k1_of
from payouts.models import Payout, PayoutAttempt, PullPayment
from payouts.services import pull_payment_archive
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

WALLETS = 12


def call_at_once(pull_payment: PullPayment, invoices: list[str]) -> list[str]:
    """One callback per invoice, all let go at the same moment; the status each wallet got."""
    k1 = k1_of(pull_payment)
    path = reverse("lnurl:withdraw_callback", args=[pull_payment.lnurl_token, k1])
    gate = threading.Barrier(len(invoices), timeout=20)

    def call(pr: str) -> str:
        try:
            client = Client(raise_request_exception=False)
            gate.wait()
            return str(client.get(path, {"k1": k1, "pr": pr}).json()["status"])
        finally:
            connection.close()

    with ThreadPoolExecutor(len(invoices)) as wallets:
        return list(wallets.map(call, invoices))


def test_many_wallets_at_a_link_worth_one_claim_make_exactly_one_payout(store: Store) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, 10_000)
    answers = call_at_once(pull_payment, [invoice_over(10_000) for _ in range(WALLETS)])
    assert sorted(answers) == ["ERROR"] * (WALLETS - 1) + ["OK"]
    assert Payout.objects.count() == PaymentHash.objects.count() == 1
    assert not PayoutAttempt.objects.exists()
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 10_000


def test_one_wallet_calling_many_times_at_once_gets_ok_each_time_and_one_payout(store: Store) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, 10_000)
    answers = call_at_once(pull_payment, [invoice_over(10_000)] * WALLETS)
    assert answers == ["OK"] * WALLETS
    assert Payout.objects.count() == PaymentHash.objects.count() == 1
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 10_000


def test_the_same_invoice_reserves_once_also_where_more_is_left(store: Store) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, 1_000_000)
    answers = call_at_once(pull_payment, [invoice_over(10_000)] * WALLETS)
    assert answers == ["OK"] * WALLETS
    assert Payout.objects.count() == 1
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 10_000


def test_partial_claims_at_once_never_exceed_the_limit(store: Store) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, 50_000)
    answers = call_at_once(pull_payment, [invoice_over(10_000) for _ in range(WALLETS)])
    assert answers.count("OK") == 5
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == sum(Payout.objects.values_list("amount", flat=True)) == 50_000


def test_one_invoice_at_two_links_at_once_is_claimed_from_one_of_them(store: Store) -> None:
    wallet_make(store)
    links = [pull_payment_make(store, 10_000), pull_payment_make(store, 10_000)]
    pr = invoice_over(10_000)
    gate = threading.Barrier(2, timeout=20)

    def call(pull_payment: PullPayment) -> str:
        try:
            k1 = k1_of(pull_payment)
            path = reverse("lnurl:withdraw_callback", args=[pull_payment.lnurl_token, k1])
            gate.wait()
            return str(Client().get(path, {"k1": k1, "pr": pr}).json()["status"])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as wallets:
        answers = list(wallets.map(call, links))
    assert sorted(answers) == ["ERROR", "OK"]
    assert Payout.objects.count() == 1
    assert sum(PullPayment.objects.values_list("claimed", flat=True)) == 10_000


def test_ending_a_link_while_it_is_claimed_has_one_winner(store: Store) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, 10_000)
    k1 = k1_of(pull_payment)
    path = reverse("lnurl:withdraw_callback", args=[pull_payment.lnurl_token, k1])
    gate = threading.Barrier(2, timeout=20)

    def end() -> None:
        try:
            gate.wait()
            pull_payment_archive(pull_payment=PullPayment.objects.get(pk=pull_payment.pk), actor="alice")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as shop:
        ending = shop.submit(end)
        gate.wait()
        status = Client().get(path, {"k1": k1, "pr": invoice_over(10_000)}).json()["status"]
        ending.result()
    pull_payment.refresh_from_db()
    live = Payout.objects.exclude(state="Cancelled")
    # Either the claim came first, and was cancelled with the link or reserved its amount; or it was refused.
    assert pull_payment.claimed == sum(live.values_list("amount", flat=True))
    assert (status == "OK") == Payout.objects.exists()
