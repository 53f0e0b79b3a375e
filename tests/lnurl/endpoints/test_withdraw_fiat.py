"""Fiat amounts by LNURL-withdraw: what was offered is what is taken, whatever the market does in between."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from flashpay.money.currencies import currency_get
from flashpay.money.rates import Rate
from flashpay.stores.models import Store
from payouts.models import Payout
from payouts.vouchers.models import VoucherBatch
from payouts.vouchers.services import voucher_batch_create
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make

pytestmark = pytest.mark.django_db


class Market:
    """The price of a bitcoin in the tests' currency."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: str, price: str) -> None:
        self.currency, self.price = currency_get(code), price
        for module in ("payouts.selectors", "payouts.services.claims", "payouts.vouchers.services"):
            monkeypatch.setattr(f"{module}.rate_get", lambda currency: self.rate(timezone.now()))

    def rate(self, at: datetime) -> Rate:
        return Rate(self.currency, Decimal(self.price), "test", at)


def vouchers(store: Store, code: str, amount: int) -> VoucherBatch:
    return voucher_batch_create(
        store=store, count=1, amount=amount, currency=currency_get(code), name="Gift", actor="alice"
    )


@pytest.mark.parametrize(
    ("code", "price", "amount"),
    [("USD", "98765.43", 2_500), ("JMD", "15432109.87", 400_000), ("HTG", "12987654.32", 350_123)],
)
@pytest.mark.parametrize("change", ["0.97", "1", "1.03"])
def test_a_fiat_voucher_is_paid_at_the_rate_that_was_offered(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: str, price: str, amount: int, change: str
) -> None:
    wallet_make(store)
    market = Market(monkeypatch, code, price)
    voucher = vouchers(store, code, amount).vouchers.select_related("pull_payment").get()
    offer = Client().get(f"/lnurl/withdraw/{voucher.pull_payment.lnurl_token}").json()
    assert offer["minWithdrawable"] == offer["maxWithdrawable"]
    assert "?" not in offer["callback"]
    assert offer["callback"] == offer["callback"].lower()
    market.price = str(Decimal(price) * Decimal(change))
    pr = invoice_over(offer["maxWithdrawable"] // 1000)
    answer = Client().get(offer["callback"], {"k1": offer["k1"], "pr": pr}).json()
    assert answer == {"status": "OK"}
    payout = Payout.objects.get()
    assert (payout.amount, payout.amount_msat) == (amount, offer["maxWithdrawable"])
    voucher.pull_payment.refresh_from_db()
    assert voucher.pull_payment.remaining == 0


@pytest.mark.parametrize("quote", ["00", "ff" * 40, "6869"])
def test_a_made_up_rate_counts_for_nothing(store: Store, monkeypatch: pytest.MonkeyPatch, quote: str) -> None:
    wallet_make(store)
    Market(monkeypatch, "USD", "98765.43")
    pull_payment = pull_payment_make(store, currency="USD", amount=20_00)
    offer = Client().get(f"/lnurl/withdraw/{pull_payment.lnurl_token}").json()
    forged = offer["callback"].rpartition("/")[0] + "/" + quote
    assert Client().get(forged, {"k1": offer["k1"], "pr": invoice_over(10_000)}).json() == {"status": "OK"}
    assert (Payout.objects.get().rate, Payout.objects.get().amount) == (Decimal("98765.43"), 9_88)


def test_the_rate_of_one_link_is_nothing_to_another(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet_make(store)
    market = Market(monkeypatch, "USD", "98765.43")
    first, second = (pull_payment_make(store, currency="USD", amount=20_00) for _ in range(2))
    offers = [Client().get(f"/lnurl/withdraw/{each.lnurl_token}").json() for each in (first, second)]
    quote = offers[0]["callback"].rpartition("/")[2]
    mixed = offers[1]["callback"].rpartition("/")[0] + "/" + quote
    market.price = "99999.99"
    assert Client().get(mixed, {"k1": offers[1]["k1"], "pr": invoice_over(10_000)}).json() == {"status": "OK"}
    assert Payout.objects.get().rate == Decimal("99999.99")


def test_a_repeated_callback_gets_its_answer_after_the_offer_is_old(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet_make(store)
    Market(monkeypatch, "USD", "98765.43")
    pull_payment = pull_payment_make(store, currency="USD", amount=20_00)
    offer = Client().get(f"/lnurl/withdraw/{pull_payment.lnurl_token}").json()
    call = {"k1": offer["k1"], "pr": invoice_over(10_000)}
    assert Client().get(offer["callback"], call).json() == {"status": "OK"}
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=True):
        assert Client().get(offer["callback"], call).json() == {"status": "OK"}
    assert Payout.objects.count() == 1
