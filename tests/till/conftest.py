"""A till at Alice's counter, and Bob who works at it."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.money.currencies import USD
from flashpay.stores.models import Store, User
from flashpay.till.models import Till
from flashpay.till.services import till_save


@pytest.fixture
def till(store: Store) -> Till:
    """Counts in dollars and offers sats; tips of 10 and 15 percent, or the customer's own. The store has no wallet."""
    return till_save(
        store=store,
        name="Counter",
        currency=USD,
        actor="alice",
        more_currencies=["SAT"],
        tip_percents=[10, 15],
        custom_tip=True,
    )


@pytest.fixture
def cashier(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


@pytest.fixture
def owner(alice: User) -> Client:
    owner = Client()
    owner.force_login(alice)
    return owner
