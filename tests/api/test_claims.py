from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import Payout, PullPayment
from payouts.services import payout_approve, payout_send, pull_payment_archive, pull_payment_create
from tests.api.conftest import Script
from tests.sandbox_server import SandboxServer


@pytest.fixture
def pull_payment(paying_store: Store) -> PullPayment:
    return pull_payment_create(
        store=paying_store, amount=50_000, currency=SAT, actor="alice", auto_approve=False, minimum_claim=11_000
    )


def _invoice(sandbox: SandboxServer, amount_sat: int | None, **more: Any) -> str:
    bolt11: str = sandbox.phone_invoice(amount_sat, **more)["bolt11"]
    return bolt11


def _claim(script: Script, pull_payment: PullPayment, status: int = 200, **body: Any) -> Any:
    return script.post(f"/pull-payments/{pull_payment.pk}/payouts", body, status)


def test_it_claims_without_a_key_and_shows_how_it_goes(
    anybody: Script, pull_payment: PullPayment, sandbox: SandboxServer
) -> None:
    destination = _invoice(sandbox, 20_000)
    claimed = _claim(anybody, pull_payment, destination=destination)
    assert (claimed["pullPaymentId"], claimed["destination"]) == (pull_payment.pk, destination)
    assert (claimed["originalCurrency"], claimed["originalAmount"]) == ("SAT", "20000")
    assert (claimed["payoutCurrency"], claimed["payoutAmount"]) == ("BTC", None)
    assert (claimed["state"], claimed["paymentProof"], claimed["revision"]) == ("AwaitingApproval", None, 0)
    assert claimed["payoutMethodId"] == "BTC-LN"
    assert anybody.get(f"/pull-payments/{pull_payment.pk}/payouts/{claimed['id']}") == claimed


def test_the_list_of_claims_shows_strangers_nothing_that_is_a_recipient_s(
    anybody: Script, api: Script, stranger: Script, pull_payment: PullPayment, sandbox: SandboxServer
) -> None:
    destination = _invoice(sandbox, 20_000)
    claimed = _claim(anybody, pull_payment, destination=destination)
    payout_approve(payout=Payout.objects.get(), actor="alice")
    payout_send(payout_id=claimed["id"])
    listing = f"/pull-payments/{pull_payment.pk}/payouts"
    for script in (anybody, stranger, Script("not-a-key")):
        (shown,) = script.get(listing)
        assert (shown["originalAmount"], shown["state"]) == ("20000", "Completed")
        assert (shown["destination"], shown["paymentProof"], shown["reason"]) == ("", None, None)
        assert claimed["id"] not in str(shown)
        assert [shown] == anybody.get(listing)
        anybody.get(f"{listing}/{shown['id']}", 404)
    (seen,) = api.get(listing)
    assert (seen["id"], seen["destination"]) == (claimed["id"], destination)
    assert seen["paymentProof"]["PaymentHash"]


def test_it_answers_the_same_claim_to_the_same_invoice(
    anybody: Script, pull_payment: PullPayment, sandbox: SandboxServer
) -> None:
    destination = _invoice(sandbox, 20_000)
    first = _claim(anybody, pull_payment, destination=destination)
    assert _claim(anybody, pull_payment, destination=f"lightning:{destination.upper()}") == first
    pull_payment.refresh_from_db()
    assert (Payout.objects.count(), pull_payment.claimed) == (1, 20_000)


def test_it_takes_the_amount_for_an_invoice_without_one(
    anybody: Script, pull_payment: PullPayment, sandbox: SandboxServer
) -> None:
    claimed = _claim(anybody, pull_payment, destination=_invoice(sandbox, None), amount="15000")
    assert claimed["originalAmount"] == "15000"


@pytest.mark.parametrize(
    ("amount_sat", "code"), [(50_001, "overdraft"), (9_999, "amount-too-low"), (10_500, "amount-too-low")]
)
def test_it_refuses_an_amount_with_btcpay_servers_code(
    anybody: Script, pull_payment: PullPayment, sandbox: SandboxServer, amount_sat: int, code: str
) -> None:
    refused = _claim(anybody, pull_payment, 400, destination=_invoice(sandbox, amount_sat))
    assert refused["code"] == code
    _nothing_claimed(pull_payment)


@pytest.mark.parametrize("destination", ["", "nonsense", "lnbcrt1", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"])
def test_it_refuses_what_is_no_invoice(anybody: Script, pull_payment: PullPayment, destination: str) -> None:
    (refused,) = _claim(anybody, pull_payment, 422, destination=destination)
    assert refused["path"] == "destination"
    _nothing_claimed(pull_payment)


def test_it_refuses_an_invoice_of_another_network(anybody: Script, pull_payment: PullPayment) -> None:
    mainnet = (
        "lnbc20m1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq"
        "5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqs9qrsgq7ea976txfraylvgzuxs8kgcw23ezlrszfnh8r6qtfpr6"
        "cxga50aj6txm9rxrydzd06dfeawfk6swupvz4erwnyutnjq7x39ymw6j38gp7ynn44"
    )
    _claim(anybody, pull_payment, 422, destination=mainnet)
    _nothing_claimed(pull_payment)


def test_it_refuses_an_invoice_that_another_pull_payment_has_paid_for(
    anybody: Script, pull_payment: PullPayment, paying_store: Store, sandbox: SandboxServer
) -> None:
    other = pull_payment_create(store=paying_store, amount=50_000, currency=SAT, actor="alice")
    destination = _invoice(sandbox, 20_000)
    _claim(anybody, other, destination=destination)
    assert _claim(anybody, pull_payment, 400, destination=destination)["code"] == "duplicate-destination"
    _nothing_claimed(pull_payment)


def test_it_refuses_an_archived_pull_payment(
    anybody: Script, pull_payment: PullPayment, sandbox: SandboxServer
) -> None:
    pull_payment_archive(pull_payment=pull_payment, actor="alice")
    assert _claim(anybody, pull_payment, 400, destination=_invoice(sandbox, 20_000))["code"] == "archived"
    _nothing_claimed(pull_payment)


@pytest.mark.parametrize(
    ("starts_in_h", "ends_in_h", "code"), [(1, 2, "not-started"), (-2, -1, "expired")], ids=["early", "late"]
)
def test_it_refuses_claims_out_of_time(
    anybody: Script, paying_store: Store, sandbox: SandboxServer, starts_in_h: int, ends_in_h: int, code: str
) -> None:
    now = timezone.now()
    made = pull_payment_create(
        store=paying_store,
        amount=50_000,
        currency=SAT,
        actor="alice",
        starts_at=now + timedelta(hours=starts_in_h),
        expires_at=now + timedelta(hours=ends_in_h),
        now=now - timedelta(hours=3),
    )
    assert _claim(anybody, made, 400, destination=_invoice(sandbox, 20_000))["code"] == code
    _nothing_claimed(made)


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({}, "destination"),
    ({"destination": "x", "amount": "-1"}, "amount"),
    ({"destination": "x", "payoutMethodId": "BTC-CHAIN"}, "payoutMethodId"),
    ({"destination": "x", "approved": True}, "approved"),
]


@pytest.mark.parametrize(("body", "path"), UNUSABLE)
def test_it_refuses_an_unusable_field_by_its_path(
    anybody: Script, pull_payment: PullPayment, body: dict[str, Any], path: str
) -> None:
    (refused,) = _claim(anybody, pull_payment, 422, **body)
    assert refused["path"] == path
    _nothing_claimed(pull_payment)


def test_it_does_not_find_a_claim_under_another_pull_payment(
    anybody: Script, pull_payment: PullPayment, paying_store: Store, sandbox: SandboxServer
) -> None:
    claimed = _claim(anybody, pull_payment, destination=_invoice(sandbox, 20_000))
    other = pull_payment_create(store=paying_store, amount=50_000, currency=SAT, actor="alice")
    assert anybody.get(f"/pull-payments/{other.pk}/payouts/{claimed['id']}", 404)["code"] == "payout-not-found"


def _nothing_claimed(pull_payment: PullPayment) -> None:
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 0
    assert not pull_payment.payouts.exists()
