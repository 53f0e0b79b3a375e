"""The sources of prices are asked before a transaction begins: nobody's row waits for another service's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from flashpay import live
from flashpay.invoices.services import invoice_create
from flashpay.money.book import RateBook
from flashpay.money.currencies import USD, Currency
from flashpay.money.rates import Rate
from flashpay.stores import rates
from flashpay.stores.models import Store
from payouts.recipients.models import Recipient
from payouts.recipients.services import recipient_create, recipient_pay
from payouts.services.refunds import refund_create
from tests.payouts.conftest import ALICE
from tests.payouts.recipients import wallet_make

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Market:
    """A source of prices that notes whether it was asked inside a transaction."""

    name: str = "market"
    interval_s: int = 1
    asked_inside: list[bool] = field(default_factory=list)

    def quotes(self, currencies: Sequence[Currency], now: datetime) -> tuple[Rate, ...]:
        self.asked_inside.append(connection.in_atomic_block)
        return tuple(Rate(currency, Decimal(60_000), self.name, now) for currency in currencies)


@pytest.fixture
def market(store: Store, monkeypatch: pytest.MonkeyPatch) -> Market:
    """The only source of prices, and nothing known of them yet."""
    wallet_make(store)
    source = Market()
    book = RateBook(live.connection(), [source], timezone.now)
    monkeypatch.setattr(rates, "rate_book", lambda: book)
    return source


def test_a_refund_asks_for_the_price_before_it_holds_the_store(store: Store, market: Market) -> None:
    invoice = invoice_create(store=store, amount=2_000, currency=USD, actor=ALICE)
    live.connection().flushdb()
    market.asked_inside.clear()
    refund = refund_create(store=store, invoice_id=invoice.pk, amount=2_000, currency=USD, actor=ALICE)
    assert (refund.amount, refund.refund_of_id) == (2_000, invoice.pk)
    assert market.asked_inside == [False]


def test_a_payout_to_a_recipient_asks_for_the_price_before_it_is_written(store: Store, market: Market) -> None:
    ana = recipient_create(store=store, name="Ana", actor=ALICE)
    Recipient.objects.filter(pk=ana.pk).update(address="ana@wallet.example")
    payout = recipient_pay(recipient=ana, amount=2_000, currency=USD, actor=ALICE)
    assert (payout.amount, payout.to_recipient.recipient_id) == (2_000, ana.pk)
    assert market.asked_inside == [False]
