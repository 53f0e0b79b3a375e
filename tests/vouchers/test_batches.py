"""Batches of vouchers: made, claimed once and whole, revoked, and where each stands."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store
from payouts.models import Payout, PayoutState, PullPayment
from payouts.services import payout_claim
from payouts.vouchers.models import CODE_ALPHABET, Voucher, VoucherBatch
from payouts.vouchers.selectors import batch_counts, code_read, voucher_by_code, vouchers_of
from payouts.vouchers.services import voucher_batch_create, voucher_batch_revoke, voucher_revoke
from tests.payouts.recipients import invoice_over, wallet_make

pytestmark = pytest.mark.django_db


def state_of(voucher: Voucher) -> str:
    return vouchers_of(voucher.batch, timezone.now()).get(pk=voucher.pk).state  # type: ignore[attr-defined]


def test_a_batch_makes_as_many_vouchers_each_with_a_number_a_code_and_a_link(batch: VoucherBatch) -> None:
    vouchers = list(vouchers_of(batch, timezone.now()))
    assert [voucher.label for voucher in vouchers] == [f"SUN-{number:03d}" for number in range(1, 11)]
    assert len({voucher.code for voucher in vouchers}) == 10
    assert all(set(voucher.code) <= set(CODE_ALPHABET) for voucher in vouchers)
    assert {voucher.pull_payment.name for voucher in vouchers} >= {"Summer party · SUN-001"}
    assert {voucher.pull_payment.amount for voucher in vouchers} == {20_000}
    assert Event.objects.filter(type="PullPaymentCreated").count() == 10
    assert Event.objects.get(type="VoucherBatchCreated").evidence == {"count": 10}


def test_a_wallet_is_offered_the_whole_amount_and_no_choice(batch: VoucherBatch) -> None:
    token = batch.vouchers.get(number=1).pull_payment.lnurl_token
    offer = Client().get(f"/lnurl/withdraw/{token}").json()
    assert (offer["minWithdrawable"], offer["maxWithdrawable"]) == (20_000_000, 20_000_000)
    assert offer["defaultDescription"] == "Summer party · SUN-001"


def test_a_voucher_is_claimed_once_and_whole(batch: VoucherBatch) -> None:
    voucher = batch.vouchers.get(number=1)
    with pytest.raises(Refusal, match="smallest claim here is 20,000"):
        payout_claim(pull_payment=voucher.pull_payment, bolt11=invoice_over(19_999))
    assert not Payout.objects.exists()
    payout_claim(pull_payment=voucher.pull_payment, bolt11=invoice_over(20_000))
    voucher.pull_payment.refresh_from_db()
    with pytest.raises(Refusal, match="claimed already"):
        payout_claim(pull_payment=voucher.pull_payment, bolt11=invoice_over(20_000))
    assert Payout.objects.count() == 1


@pytest.mark.parametrize(
    ("payout_state", "state"),
    [
        (PayoutState.AWAITING_APPROVAL, "Claimed"),
        (PayoutState.AWAITING_PAYMENT, "Claimed"),
        (PayoutState.IN_PROGRESS, "InFlight"),
        (PayoutState.COMPLETED, "Paid"),
        (PayoutState.CANCELLED, "Unclaimed"),
    ],
)
def test_its_state_follows_its_claim(batch: VoucherBatch, payout_state: str, state: str) -> None:
    voucher = batch.vouchers.select_related("batch", "pull_payment").get(number=3)
    assert state_of(voucher) == "Unclaimed"
    payout = payout_claim(pull_payment=voucher.pull_payment, bolt11=invoice_over(20_000))
    Payout.objects.filter(pk=payout.pk).update(state=payout_state)
    assert state_of(voucher) == state
    expected = {"Unclaimed": 10} if state == "Unclaimed" else {"Unclaimed": 9, state: 1}
    counts = batch_counts([batch], timezone.now())[batch.pk]
    assert {name: count for name, count in counts.items() if count} == expected


def test_a_paid_voucher_stays_paid_after_its_end(batch: VoucherBatch) -> None:
    voucher = batch.vouchers.select_related("batch", "pull_payment").get(number=3)
    payout = payout_claim(pull_payment=voucher.pull_payment, bolt11=invoice_over(20_000))
    Payout.objects.filter(pk=payout.pk).update(state=PayoutState.COMPLETED)
    past = timezone.now() - timedelta(days=1)
    PullPayment.objects.update(starts_at=past - timedelta(days=1), expires_at=past)
    assert state_of(voucher) == "Paid"
    assert batch_counts([batch], timezone.now())[batch.pk]["Expired"] == 9


def test_an_unclaimed_voucher_is_revoked_and_says_so_to_wallets(batch: VoucherBatch) -> None:
    voucher = batch.vouchers.select_related("batch", "pull_payment").get(number=2)
    voucher_revoke(voucher=voucher, actor="alice")
    assert state_of(voucher) == "Revoked"
    answer = Client().get(f"/lnurl/withdraw/{voucher.pull_payment.lnurl_token}").json()
    assert (answer["status"], "ended" in answer["reason"]) == ("ERROR", True)
    voucher_revoke(voucher=voucher, actor="alice")
    assert Event.objects.filter(type="PullPaymentArchived").count() == 1


def test_a_claimed_voucher_is_not_revoked(batch: VoucherBatch) -> None:
    voucher = batch.vouchers.select_related("batch", "pull_payment").get(number=2)
    payout_claim(pull_payment=voucher.pull_payment, bolt11=invoice_over(20_000))
    with pytest.raises(Refusal, match="claimed"):
        voucher_revoke(voucher=voucher, actor="alice")
    assert state_of(voucher) == "Claimed"
    assert Payout.objects.get().state != PayoutState.CANCELLED


def test_revoking_a_batch_leaves_claims_alone(batch: VoucherBatch) -> None:
    claimed = batch.vouchers.select_related("pull_payment").get(number=5)
    payout_claim(pull_payment=claimed.pull_payment, bolt11=invoice_over(20_000))
    assert voucher_batch_revoke(batch=batch, actor="alice") == 9
    assert voucher_batch_revoke(batch=batch, actor="alice") == 0
    counts = batch_counts([batch], timezone.now())[batch.pk]
    assert (counts["Revoked"], counts["Claimed"]) == (9, 1)
    assert Event.objects.get(type="VoucherBatchRevoked").evidence == {"count": 9}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"amount": 9_999}, "amount-too-low", "amount"),
        ({"amount": 0}, "invalid-amount", "amount"),
        ({"count": 0}, "invalid-count", "count"),
        ({"count": 1_001}, "invalid-count", "count"),
        ({"name": " "}, "invalid-name", "name"),
        ({"name": "x" * 37}, "invalid-name", "name"),
        ({"prefix": "with space"}, "invalid-prefix", "prefix"),
        ({"prefix": "=CMD"}, "invalid-prefix", "prefix"),
        ({"note": "x" * 161}, "invalid-note", "note"),
        ({"expires_at": timezone.now() - timedelta(minutes=1)}, "invalid-dates", "expires_at"),
    ],
)
def test_it_refuses_vouchers_nobody_could_claim_or_print(
    paying_store: Store, given: dict[str, Any], code: str, field: str
) -> None:
    wanted = {"count": 2, "amount": 20_000, "currency": SAT, "name": "Party", "actor": "alice", **given}
    with pytest.raises(Refusal) as refused:
        voucher_batch_create(store=paying_store, **wanted)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert not VoucherBatch.objects.exists()
    assert not PullPayment.objects.exists()


def test_it_refuses_a_wallet_that_can_only_receive(store: Store) -> None:
    wallet_make(store, kind="username", secret="")
    with pytest.raises(Refusal, match="only receive"):
        voucher_batch_create(store=store, count=2, amount=20_000, currency=SAT, name="Party", actor="alice")
    assert not VoucherBatch.objects.exists()


def test_a_code_is_read_however_it_is_typed(batch: VoucherBatch) -> None:
    voucher = batch.vouchers.get(number=1)
    spaced = " ".join(voucher.code_shown.lower().split("-"))
    for typed in (voucher.code, voucher.code_shown, voucher.code_shown.lower(), spaced, f" {voucher.code_shown}\n"):
        assert voucher_by_code(typed) == voucher
    for typed in ("", "K7QM", "K7QM-2XFP-9TR0", "'; --", "x" * 500):
        assert code_read(typed) == ""
        assert voucher_by_code(typed) is None


def test_a_thousand_vouchers_are_made_in_a_few_queries(paying_store: Store, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(60):
        made = voucher_batch_create(
            store=paying_store, count=1_000, amount=20_000, currency=SAT, name="Fair", actor="alice"
        )
    assert made.vouchers.count() == 1_000


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_revoking_while_it_is_claimed_has_one_winner(batch: VoucherBatch) -> None:
    voucher = batch.vouchers.select_related("batch", "pull_payment").get(number=1)
    gate = threading.Barrier(2, timeout=20)

    def revoke() -> bool:
        try:
            gate.wait()
            voucher_revoke(voucher=voucher, actor="alice")
        except Refusal:
            return False
        else:
            return True
        finally:
            connection.close()

    def claim() -> bool:
        try:
            gate.wait()
            payout_claim(pull_payment=PullPayment.objects.get(pk=voucher.pk), bolt11=invoice_over(20_000))
        except Refusal:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as people:
        revoked, claimed = people.submit(revoke), people.submit(claim)
    assert [revoked.result(), claimed.result()].count(True) == 1
    assert Payout.objects.exists() == claimed.result()
