from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flashpay.invoices.models import Evidence, Invoice, InvoiceState, LightningInvoice
from flashpay.invoices.services import (
    invoice_archive,
    invoice_create,
    invoice_mark,
    lightning_invoice_issue,
    payment_record,
)
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from tests.api.conftest import Script

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def four(store: Store) -> list[Invoice]:
    """Made an hour apart, the first one first."""
    return [
        invoice_create(
            store=store,
            amount=1000 + number,
            currency=SAT,
            actor="alice",
            order_id=f"A-{number}",
            description=f"Cup {number} of tea",
            now=START + timedelta(hours=number),
        )
        for number in range(4)
    ]


def _ids(script: Script, store: Store, query: str = "") -> list[str]:
    return [found["id"] for found in script.get(f"/stores/{store.pk}/invoices{query}")]


def test_it_lists_the_newest_first(api: Script, store: Store, four: list[Invoice]) -> None:
    assert _ids(api, store) == [invoice.pk for invoice in reversed(four)]


def test_it_filters_by_everything_that_is_given(api: Script, store: Store, four: list[Invoice]) -> None:
    invoice_mark(invoice=four[1], state=InvoiceState.SETTLED, reason="cash", actor="alice")
    first, second, third, fourth = (invoice.pk for invoice in four)
    assert _ids(api, store, "?status=Settled") == [second]
    assert _ids(api, store, "?status=Settled&status=New") == [fourth, third, second, first]
    assert _ids(api, store, "?orderId=A-0&orderId=A-3") == [fourth, first]
    assert _ids(api, store, "?orderId=A-0&status=Settled") == []
    assert _ids(api, store, "?textSearch=cup%202") == [third]
    assert _ids(api, store, f"?textSearch={first}") == [first]
    since, until = int(four[1].created_at.timestamp()), int(four[2].created_at.timestamp())
    assert _ids(api, store, f"?startDate={since}&endDate={until}") == [third, second]


def test_it_pages(api: Script, store: Store, four: list[Invoice]) -> None:
    assert _ids(api, store, "?take=2") == [four[3].pk, four[2].pk]
    assert _ids(api, store, "?skip=3&take=2") == [four[0].pk]


def test_it_leaves_archived_ones_out(api: Script, store: Store, four: list[Invoice]) -> None:
    invoice_archive(invoice=four[0], archived=True, actor="alice")
    assert four[0].pk not in _ids(api, store)


@pytest.mark.parametrize(
    "query", ["status=Paid", "take=0", "take=1001", "skip=-1", "startDate=yesterday", "endDate=1e99"]
)
def test_it_refuses_an_unusable_filter_by_its_name(api: Script, store: Store, query: str) -> None:
    (refused,) = api.get(f"/stores/{store.pk}/invoices?{query}", 422)
    assert refused["path"].startswith(query.partition("=")[0])


def test_it_asks_the_database_as_often_for_many_as_for_one(
    api: Script, store: Store, four: list[Invoice], django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        assert len(_ids(api, store)) == 4


def test_it_tells_how_they_are_paid_where_that_is_asked_for(
    api: Script, paying_store: Store, django_assert_max_num_queries: Any
) -> None:
    paid, open_, untouched = (
        invoice_create(store=paying_store, amount=20_000, currency=SAT, actor="alice") for _ in range(3)
    )
    codes = [lightning_invoice_issue(invoice=invoice) for invoice in (paid, open_)]
    payment_record(lightning_invoice=codes[0], evidence=Evidence.POLL)
    path = f"/stores/{paying_store.pk}/invoices"
    assert [invoice["paymentMethods"] for invoice in api.get(path)] == [None] * 3
    with django_assert_max_num_queries(7):
        listed = {invoice["id"]: invoice["paymentMethods"] for invoice in api.get(f"{path}?includePaymentMethods=true")}
    assert listed[paid.pk] == api.get(f"{path}/{paid.pk}/payment-methods")
    assert [payment["id"] for payment in listed[paid.pk][0]["payments"]] == [codes[0].payment_hash]
    assert listed[open_.pk][0]["destination"] == codes[1].bolt11
    # A list asks Flash for no code.
    assert listed[untouched.pk][0]["destination"] is None
    assert LightningInvoice.objects.count() == 2
    (method,) = api.get(f"/invoices/{untouched.pk}?includePaymentMethods=true")["paymentMethods"]
    assert method["destination"] == LightningInvoice.objects.latest("id").bolt11


def test_it_knows_no_store_of_somebody_else(stranger: Script, store: Store, four: list[Invoice]) -> None:
    assert stranger.get(f"/stores/{store.pk}/invoices", 404)["code"] == "store-not-found"
