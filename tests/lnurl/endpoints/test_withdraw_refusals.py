"""LNURL-withdraw refused: nothing is reserved, no row is left, and the answer is always LNURL's (LUD-01, LUD-03)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client
from django.utils import timezone

from flashpay.stores.models import Store
from payouts.models import Payout, PullPayment
from payouts.services import pull_payment_archive
from tests.lightning.invoices import invoice_make
from tests.lnurl.endpoints.withdrawing import assert_nothing_claimed, callback_of, claim, info_path, refusal
from tests.payouts.recipients import MINIMUM_SAT, invoice_over, pull_payment_make, wallet_make

pytestmark = pytest.mark.django_db


# --- Refusals: nothing is reserved, no row is left ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sat", "words"),
    [
        (MINIMUM_SAT - 1, "smallest amount that can be paid out is 10,000 sat"),
        (50_001, "more than what is left to claim here: 50,000 sat"),
        (None, "names no amount"),
    ],
)
def test_an_amount_outside_what_was_told_is_refused(
    wallet: Client, pull_payment: PullPayment, sat: int | None, words: str
) -> None:
    assert words in refusal(claim(wallet, pull_payment, invoice_over(sat)))
    assert_nothing_claimed(pull_payment)


def test_a_claim_below_the_pull_payments_own_minimum_is_refused(wallet: Client, store: Store) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, minimum_claim=20_000)
    assert "smallest claim here is 20,000 sat" in refusal(claim(wallet, pull_payment, invoice_over(19_999)))
    assert_nothing_claimed(pull_payment)


@pytest.mark.parametrize("pr", ["", "hello", "lnbcrt1", "LNURL1DP68GURN8GHJ7", "a" * 10_000, "\x00", "lnbcrt" + "ö"])
def test_what_is_no_invoice_is_refused(wallet: Client, pull_payment: PullPayment, pr: str) -> None:
    refusal(claim(wallet, pull_payment, pr))
    assert_nothing_claimed(pull_payment)


def test_several_invoices_at_once_are_refused(wallet: Client, pull_payment: PullPayment) -> None:
    first, second = invoice_over(MINIMUM_SAT), invoice_over(MINIMUM_SAT)
    refusal(claim(wallet, pull_payment, f"{first},{second}"))
    callback, k1 = callback_of(wallet, pull_payment)
    refusal(wallet.get(f"{callback}?k1={k1}&pr={first}&pr={second}"))
    assert_nothing_claimed(pull_payment)


def test_an_invoice_of_another_network_is_refused(wallet: Client, pull_payment: PullPayment) -> None:
    pr = invoice_make("100u", network="tb", created=int(timezone.now().timestamp()))
    assert "network" in refusal(claim(wallet, pull_payment, pr))
    assert_nothing_claimed(pull_payment)


@pytest.mark.parametrize("age", [timedelta(hours=2), timedelta(minutes=59, seconds=55)])
def test_an_invoice_with_too_little_life_is_refused(wallet: Client, pull_payment: PullPayment, age: timedelta) -> None:
    assert "expire" in refusal(claim(wallet, pull_payment, invoice_over(MINIMUM_SAT, created=timezone.now() - age)))
    assert_nothing_claimed(pull_payment)


def test_a_k1_that_is_wrong_missing_or_of_another_link_is_refused(
    wallet: Client, store: Store, pull_payment: PullPayment
) -> None:
    callback, k1 = callback_of(wallet, pull_payment)
    _, other_k1 = callback_of(wallet, pull_payment_make(store))
    pr = invoice_over(MINIMUM_SAT)
    assert other_k1 != k1
    refusal(wallet.get(callback, {"pr": pr}))
    refusal(wallet.get(callback, {"k1": "0" * 64, "pr": pr}))
    refusal(wallet.get(callback, {"k1": "ö", "pr": pr}))
    refusal(wallet.get(callback, {"k1": other_k1, "pr": pr}))
    refusal(wallet.get(callback.replace(k1, other_k1), {"k1": other_k1, "pr": pr}))
    assert_nothing_claimed(pull_payment)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"archived_at": timezone.now()}, "ended"),
        ({"starts_at": timezone.now() - timedelta(days=2), "expires_at": timezone.now()}, "expired"),
        ({"starts_at": timezone.now() + timedelta(days=1)}, "not started"),
        ({"paused": True}, "paused"),
        ({"claimed": 50_000}, "claimed already"),
        ({"claimed": 40_001}, "less than the smallest amount"),
    ],
)
def test_a_link_that_cannot_be_claimed_from_says_so_at_both_addresses(
    wallet: Client, pull_payment: PullPayment, columns: dict[str, Any], words: str
) -> None:
    callback, k1 = callback_of(wallet, pull_payment)
    PullPayment.objects.filter(pk=pull_payment.pk).update(**columns)
    assert words in refusal(wallet.get(info_path(pull_payment)))
    refusal(wallet.get(callback, {"k1": k1, "pr": invoice_over(MINIMUM_SAT)}))
    assert not Payout.objects.exists()


def test_a_link_that_was_ended_refuses_also_what_it_had_offered(wallet: Client, pull_payment: PullPayment) -> None:
    callback, k1 = callback_of(wallet, pull_payment)
    pull_payment_archive(pull_payment=pull_payment, actor="alice")
    assert "ended" in refusal(wallet.get(callback, {"k1": k1, "pr": invoice_over(MINIMUM_SAT)}))
    assert_nothing_claimed(pull_payment)


@pytest.mark.parametrize("columns", [{"is_active": False}, {"kind": "username", "secret": ""}])
def test_a_shop_whose_wallet_cannot_pay_refuses_in_words_for_the_recipient(
    wallet: Client, store: Store, columns: dict[str, Any]
) -> None:
    wallet_make(store, **columns)
    pull_payment = pull_payment_make(store)
    reason = refusal(wallet.get(info_path(pull_payment)))
    assert "wallet" in reason
    assert "Connect" not in reason


# --- Whatever happens, the shape is LNURL's -------------------------------------------------------------------------

_TOKEN = "0" * 32


@pytest.mark.parametrize(
    "path",
    [
        f"/lnurl/withdraw/{_TOKEN}",
        f"/lnurl/withdraw/{_TOKEN}/{'0' * 64}",
        f"/lnurl/withdraw/{_TOKEN}/",
        f"/lnurl/withdraw/{_TOKEN}%0a",
        "/lnurl/withdraw/%00",
        "/lnurl/withdraw/",
        "/lnurl/withdraw",
        "/lnurl/",
        "/lnurl/nothing/here?k1=1",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
def test_an_unknown_address_is_an_lnurl_error(wallet: Client, path: str, method: str) -> None:
    refusal(getattr(wallet, method)(path))


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_a_wrong_method_is_an_lnurl_error_and_claims_nothing(
    wallet: Client, pull_payment: PullPayment, method: str
) -> None:
    callback, k1 = callback_of(wallet, pull_payment)
    query = f"?k1={k1}&pr={invoice_over(MINIMUM_SAT)}"
    assert "GET" in refusal(getattr(wallet, method)(callback + query))
    assert "GET" in refusal(getattr(wallet, method)(info_path(pull_payment)))
    assert_nothing_claimed(pull_payment)


@pytest.mark.parametrize("method", ["head", "options"])
def test_whoever_only_looks_claims_nothing(wallet: Client, pull_payment: PullPayment, method: str) -> None:
    callback, k1 = callback_of(wallet, pull_payment)
    for path in (info_path(pull_payment), f"{callback}?k1={k1}&pr={invoice_over(MINIMUM_SAT)}"):
        response = getattr(wallet, method)(path)
        assert response.status_code == 200
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "GET" in response["Access-Control-Allow-Methods"]
        assert response.content == b""
    assert_nothing_claimed(pull_payment)


def test_a_database_that_is_away_is_an_lnurl_error(
    wallet: Client, pull_payment: PullPayment, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback, k1 = callback_of(wallet, pull_payment)

    def away(*args: Any) -> None:
        raise OperationalError("connection refused to 10.1.2.3")

    with monkeypatch.context() as patched:
        patched.setattr(connections["default"], "cursor", away)
        answers = [
            refusal(wallet.get(info_path(pull_payment))),
            refusal(wallet.get(callback, {"k1": k1, "pr": invoice_over(MINIMUM_SAT)})),
        ]
    assert all("10.1.2.3" not in answer and "try again" in answer for answer in answers)
    assert_nothing_claimed(pull_payment)


def test_the_log_of_a_failure_holds_no_token(
    wallet: Client, pull_payment: PullPayment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a fault of the program")

    path = info_path(pull_payment)
    monkeypatch.setattr("lnurl.endpoints.withdraw.claim_limits", broken)
    refusal(wallet.get(path))
    assert "a fault of the program" in caplog.text
    assert pull_payment.lnurl_token not in caplog.text
