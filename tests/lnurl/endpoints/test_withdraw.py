"""LNURL-withdraw as a wallet sees it: what it is told and what it may claim (LUD-01, LUD-03, LUD-14)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from flashpay import live
from flashpay.money.currencies import USD
from flashpay.money.rates import Rate
from flashpay.stores.models import Event, PaymentHash, Store
from lnurl.wire.codec import lnurl_decode
from payouts.models import Payout, PayoutState, PullPayment
from payouts.selectors import pull_payment_lnurl
from payouts.services import payout_cancel, pull_payment_create
from tests.lnurl.endpoints.withdrawing import (
    assert_nothing_claimed,
    callback_of,
    claim,
    info_path,
    path_of,
    read,
    refusal,
)
from tests.payouts.recipients import MINIMUM_SAT, invoice_over, pull_payment_make, wallet_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


# --- What a wallet is told ------------------------------------------------------------------------------------------


def test_it_tells_what_may_be_claimed_with_only_the_fields_of_the_lud(
    wallet: Client, pull_payment: PullPayment
) -> None:
    answer = read(wallet.get(info_path(pull_payment)))
    assert answer == {
        "tag": "withdrawRequest",
        "callback": answer["callback"],
        "k1": answer["k1"],
        "defaultDescription": "Prize",
        "minWithdrawable": MINIMUM_SAT * 1000,
        "maxWithdrawable": 50_000_000,
        "balanceCheck": settings.PUBLIC_URL + info_path(pull_payment),
        "currentBalance": 50_000_000,
    }
    assert type(answer["minWithdrawable"]) is int


def test_the_callback_carries_identity_in_its_path_and_is_lower_case(wallet: Client, pull_payment: PullPayment) -> None:
    answer = read(wallet.get(info_path(pull_payment)))
    assert "?" not in answer["callback"]
    assert answer["callback"] == answer["callback"].lower()
    assert answer["callback"].startswith(settings.PUBLIC_URL)
    assert len(answer["k1"]) == 64
    assert set(answer["k1"]) <= set("0123456789abcdef")


def test_asking_again_changes_nothing(
    wallet: Client, pull_payment: PullPayment, django_assert_num_queries: Any
) -> None:
    first = read(wallet.get(info_path(pull_payment)))
    events = Event.objects.count()
    with django_assert_num_queries(2):
        again = read(wallet.get(info_path(pull_payment), {"unknown": "parameter", "tag": "login"}))
    assert again == first
    assert Event.objects.count() == events
    assert_nothing_claimed(pull_payment)


def test_the_qr_text_is_upper_case_and_the_other_link_is_lud17(pull_payment: PullPayment) -> None:
    bech32, uri = pull_payment_lnurl(pull_payment)
    assert bech32 == bech32.upper()
    assert bech32.startswith("LNURL1")
    assert uri == "lnurlw" + lnurl_decode(bech32).removeprefix("http")


def test_an_address_that_lud17_cannot_carry_leaves_only_the_bech32(pull_payment: PullPayment, settings: Any) -> None:
    settings.PUBLIC_URL = "http://till.local:8000"
    assert pull_payment_lnurl(pull_payment).uri == ""
    assert lnurl_decode(pull_payment_lnurl(pull_payment).bech32).startswith("http://till.local:8000/lnurl/withdraw/")


def test_a_server_without_https_says_so_instead_of_offering_what_wallets_refuse(
    wallet: Client, pull_payment: PullPayment, settings: Any
) -> None:
    path = info_path(pull_payment)
    settings.PUBLIC_URL = "http://till.example:8000"
    assert "no https address" in refusal(wallet.get(path))


def test_the_smallest_claim_is_the_larger_of_both_minimums(wallet: Client, store: Store) -> None:
    wallet_make(store)
    generous = pull_payment_make(store, 50_000, minimum_claim=1)
    strict = pull_payment_make(store, 50_000, minimum_claim=20_000)
    assert read(wallet.get(info_path(generous)))["minWithdrawable"] == MINIMUM_SAT * 1000
    assert read(wallet.get(info_path(strict)))["minWithdrawable"] == 20_000_000


def test_the_largest_claim_is_what_is_left(wallet: Client, pull_payment: PullPayment) -> None:
    assert read(claim(wallet, pull_payment, invoice_over(15_000))) == {"status": "OK"}
    assert read(wallet.get(info_path(pull_payment)))["maxWithdrawable"] == 35_000_000


def test_fiat_is_told_in_whole_sats_rounded_down(wallet: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate(USD, Decimal("98765.43"), "test", timezone.now())
    monkeypatch.setattr("payouts.selectors.rate_get", lambda currency: rate)
    monkeypatch.setattr("payouts.services.claims.rate_get", lambda currency: rate)
    wallet_make(store)
    pull_payment = pull_payment_make(store, currency="USD", amount=20_00, minimum_claim=11_00)
    answer = read(wallet.get(info_path(pull_payment)))
    # 20 dollars are 20,250.0004 sat, 11 dollars 11,137.5.
    assert (answer["minWithdrawable"], answer["maxWithdrawable"]) == (11_138_000, 20_250_000)
    assert read(claim(wallet, pull_payment, invoice_over(answer["maxWithdrawable"] // 1000))) == {"status": "OK"}
    pull_payment.refresh_from_db()
    assert pull_payment.claimed <= pull_payment.amount


def test_without_a_fresh_rate_fiat_is_refused_with_a_sentence(
    wallet: Client, store: Store, no_price: SandboxServer
) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, currency="USD", amount=20_00)
    assert "rate" in refusal(wallet.get(info_path(pull_payment)))


# --- Claiming -------------------------------------------------------------------------------------------------------


def test_a_claim_is_reserved_and_answered_before_anything_is_paid(wallet: Client, pull_payment: PullPayment) -> None:
    pr = invoice_over(12_345)
    assert read(claim(wallet, pull_payment, pr)) == {"status": "OK"}
    payout = Payout.objects.get()
    assert (payout.destination, payout.amount_msat, payout.amount) == (pr, 12_345_000, 12_345)
    assert payout.state == PayoutState.AWAITING_PAYMENT
    assert not payout.attempts.exists()
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 12_345


@pytest.mark.parametrize("write", [str.upper, "lightning:{}".format, str.lower])
def test_it_reads_the_invoice_however_a_wallet_writes_it(wallet: Client, pull_payment: PullPayment, write: Any) -> None:
    assert read(claim(wallet, pull_payment, write(invoice_over(MINIMUM_SAT)))) == {"status": "OK"}


def test_parameters_it_does_not_know_are_ignored(wallet: Client, pull_payment: PullPayment) -> None:
    more = {"nonce": "1", "balanceNotify": "http://127.0.0.1:1/blind", "PR": "x"}
    assert read(claim(wallet, pull_payment, invoice_over(MINIMUM_SAT), **more)) == {"status": "OK"}


def test_a_wallet_that_wrote_the_address_in_capitals_is_understood(wallet: Client, pull_payment: PullPayment) -> None:
    callback, k1 = callback_of(wallet, pull_payment)
    token = pull_payment.lnurl_token
    shouted = callback.replace(token, token.upper()).replace(k1, k1.upper())
    answer = read(wallet.get(shouted, {"k1": k1.upper(), "pr": invoice_over(MINIMUM_SAT)}))
    assert answer == {"status": "OK"}


def test_the_same_invoice_again_gets_the_same_answer_and_one_payout(wallet: Client, pull_payment: PullPayment) -> None:
    pr = invoice_over(50_000)
    callback, k1 = callback_of(wallet, pull_payment)
    for _ in range(3):
        assert read(wallet.get(callback, {"k1": k1, "pr": pr})) == {"status": "OK"}
    assert Payout.objects.count() == 1


def test_the_same_invoice_gets_the_same_answer_after_it_expired(wallet: Client, pull_payment: PullPayment) -> None:
    # One that was claimed in time and repeated later: an hour-old invoice, claimed as of then.
    from payouts.services import payout_claim

    then = timezone.now() - timedelta(hours=2)
    PullPayment.objects.filter(pk=pull_payment.pk).update(starts_at=then)
    pull_payment.refresh_from_db()
    pr = invoice_over(MINIMUM_SAT, created=then)
    payout_claim(pull_payment=pull_payment, bolt11=pr, now=then)
    assert read(claim(wallet, pull_payment, pr)) == {"status": "OK"}
    assert Payout.objects.count() == 1


def test_another_invoice_after_everything_was_claimed_is_refused(wallet: Client, pull_payment: PullPayment) -> None:
    callback, k1 = callback_of(wallet, pull_payment)
    assert read(wallet.get(callback, {"k1": k1, "pr": invoice_over(50_000)})) == {"status": "OK"}
    assert "claimed already" in refusal(wallet.get(callback, {"k1": k1, "pr": invoice_over(MINIMUM_SAT)}))
    assert "claimed already" in refusal(wallet.get(info_path(pull_payment)))
    assert Payout.objects.count() == 1


def test_an_invoice_claimed_elsewhere_is_refused(wallet: Client, store: Store, pull_payment: PullPayment) -> None:
    pr = invoice_over(MINIMUM_SAT)
    other = pull_payment_make(store)
    assert read(claim(wallet, pull_payment, pr)) == {"status": "OK"}
    assert "before" in refusal(claim(wallet, other, pr))
    other.refresh_from_db()
    assert other.claimed == 0
    assert Payout.objects.count() == 1


def test_an_invoice_of_the_shop_itself_is_refused(wallet: Client, pull_payment: PullPayment) -> None:
    payment_hash = bytes(range(32))
    PaymentHash.objects.create(payment_hash=payment_hash.hex(), owner="invoice", owner_id="x")
    assert "shop itself" in refusal(claim(wallet, pull_payment, invoice_over(MINIMUM_SAT, payment_hash=payment_hash)))
    assert not Payout.objects.exists()


def test_an_invoice_of_a_cancelled_claim_is_not_accepted_again(wallet: Client, pull_payment: PullPayment) -> None:
    pr = invoice_over(MINIMUM_SAT)
    claim(wallet, pull_payment, pr)
    payout_cancel(payout=Payout.objects.get(), reason="No.", actor="alice")
    assert "before" in refusal(claim(wallet, pull_payment, pr))
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 0


def test_a_dollar_link_keeps_the_rate_that_the_wallet_was_shown(
    connected_store: Store, wallet: Client, sandbox: SandboxServer
) -> None:
    pull_payment = pull_payment_create(store=connected_store, amount=2_000, currency=USD, actor="alice@example.com")
    offer = read(wallet.get(info_path(pull_payment)))
    price = sandbox.api("GET", "/api/price")["btc_usd"]
    sandbox.api("PUT", "/api/price", {"btc_usd": str(Decimal(price) * 2)})
    live.connection().flushdb()
    try:
        call = {"k1": offer["k1"], "pr": invoice_over(offer["maxWithdrawable"] // 1_000)}
        # Some wallets put the whole address into lower case (Q5).
        assert read(wallet.get(path_of(offer["callback"]).lower(), call))["status"] == "OK"
        stale = path_of(offer["callback"]).rpartition("/")[0]
        assert read(wallet.get(stale, {**call, "pr": invoice_over(20_000)}))["status"] == "ERROR"
    finally:
        sandbox.api("PUT", "/api/price", {"btc_usd": price})
        live.connection().flushdb()
    payout = Payout.objects.get()
    assert (payout.rate, payout.rate_source, payout.amount) == (Decimal(price), "flash", 2_000)
