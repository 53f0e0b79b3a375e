"""A store's day begins at midnight where the store is."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.dashboard.selectors import daily_sums, figures, midnight
from flashpay.invoices.models import Evidence
from flashpay.invoices.services import invoice_create, lightning_invoice_issue, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store, User
from flashpay.stores.rates import rate_get

pytestmark = pytest.mark.django_db

# Half past nine in the evening of the 21st in Kingston.
NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


@pytest.fixture
def kingston(connected_store: Store) -> Store:
    Store.objects.filter(pk=connected_store.pk).update(time_zone="America/Jamaica")
    connected_store.refresh_from_db()
    return connected_store


def _paid(store: Store, sat: int, at: datetime) -> None:
    invoice = invoice_create(store=store, amount=sat, currency=SAT, actor="alice")
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH, now=at)


def test_what_was_taken_in_the_evening_is_of_today(kingston: Store) -> None:
    assert midnight(store=kingston, now=NOW) == datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
    _paid(kingston, 1_000, datetime(2026, 11, 21, 4, 0, tzinfo=UTC))  # the evening before
    _paid(kingston, 2_000, datetime(2026, 11, 21, 15, 0, tzinfo=UTC))
    _paid(kingston, 4_000, datetime(2026, 11, 22, 2, 0, tzinfo=UTC))
    assert figures(store=kingston, since=midnight(store=kingston, now=NOW)).received_msat == 6_000_000


def test_the_chart_ends_with_the_stores_own_day(kingston: Store) -> None:
    _paid(kingston, 1_000, datetime(2026, 11, 21, 4, 0, tzinfo=UTC))
    _paid(kingston, 4_000, datetime(2026, 11, 22, 2, 0, tzinfo=UTC))
    days = daily_sums(store=kingston, now=NOW, days=3)
    assert [(day["date"], day["in_msat"]) for day in days] == [
        (date(2026, 11, 19), 0),
        (date(2026, 11, 20), 1_000_000),
        (date(2026, 11, 21), 4_000_000),
    ]


def test_sats_of_the_day_are_shown_with_what_they_are_worth_to_the_shop(
    client: Client, alice: User, connected_store: Store
) -> None:
    client.force_login(alice)
    assert "about" not in client.get(f"/stores/{connected_store.pk}").content.decode()
    _paid(connected_store, 100_000, timezone.now())
    rate_get(USD)
    assert "about $63.50" in client.get(f"/stores/{connected_store.pk}").content.decode()
