"""The payouts of the last days, drawn and written, under the list of payouts."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.services import payout_create
from tests.payouts.recipients import wallet_make

pytestmark = pytest.mark.django_db


def test_the_figures_stand_under_the_plain_list_alone(merchant: Client, store: Store) -> None:
    address = f"/stores/{store.pk}/payouts"
    assert "By day, as a table" not in merchant.get(address).content.decode()
    wallet_make(store)
    payout_create(store=store, destination="anna@example.com", amount=25_000, currency=SAT, actor="alice")
    page = html.unescape(merchant.get(address).content.decode()).replace("\N{NO-BREAK SPACE}", " ")
    assert "Claimed <strong" in page
    assert "25,000 sat claimed</title>" in page
    assert "Money claimed and paid by day" in page
    table = page.partition("By day, as a table")[2]
    for shown in ("25,000 sat", "1 claim", "Failed attempts"):
        assert shown in table
    assert "By day, as a table" not in merchant.get(f"{address}?state=Completed").content.decode()
    assert "By day, as a table" not in merchant.get(address, headers={"X-Fragment": "1"}).content.decode()
