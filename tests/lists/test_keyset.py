"""Long lists in pages: every row once, whatever comes in meanwhile, and numbers only as far as anybody reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flashpay import keyset
from flashpay.invoices.models import PaymentRequest
from flashpay.keyset import chunks_of, page_of, total_of
from flashpay.stores.models import Store

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def bills(store: Store, count: int, *, a_minute: int = 3) -> list[str]:
    """`count` bills, newest first, `a_minute` of them at the very same moment."""
    made = PaymentRequest.objects.bulk_create(
        PaymentRequest(
            store=store,
            title=f"Bill {number}",
            currency="SAT",
            amount=1,
            created_at=MORNING + timedelta(minutes=number // a_minute),
        )
        for number in range(count)
    )
    return [bill.pk for bill in sorted(made, key=lambda bill: (bill.created_at, bill.pk), reverse=True)]


def keys(page: keyset.Page[PaymentRequest]) -> list[str]:
    return [bill.pk for bill in page.object_list]


def test_it_leafs_through_every_row_once_and_back_again(store: Store) -> None:
    everything, found = bills(store, 23), PaymentRequest.objects.all()
    page = page_of(found, {}, size=5)
    assert page.newer == ""
    seen, pages = keys(page), 1
    while page.older:
        page = page_of(found, {"before": page.older}, size=5)
        seen, pages = seen + keys(page), pages + 1
    assert (seen, pages) == (everything, 5)
    back = keys(page)
    while page.newer:
        page = page_of(found, {"after": page.newer}, size=5)
        back = keys(page) + back
    # The way up ends with a full first page, which may show rows of the second once more.
    assert back[-18:] == everything[-18:]
    assert keys(page) == everything[:5]


def test_rows_that_come_in_move_nobody_s_page(store: Store) -> None:
    everything, found = bills(store, 10), PaymentRequest.objects.all()
    mark = page_of(found, {}, size=5).older
    PaymentRequest.objects.create(store=store, title="New", currency="SAT", amount=1)
    assert keys(page_of(found, {"before": mark}, size=5)) == everything[5:]


def test_the_oldest_page_is_one_step_away(store: Store) -> None:
    everything, found = bills(store, 12), PaymentRequest.objects.all()
    page = page_of(found, {"before": "oldest"}, size=5)
    assert (keys(page), page.older) == (everything[-5:], "")
    assert keys(page_of(found, {"after": page.newer}, size=5)) == everything[-10:-5]


@pytest.mark.parametrize("mark", ["", "1", "-", "x-y", "17000000000000000000000-abc", "²-abc", "1763798400000000-\x00"])
def test_a_mark_that_is_none_of_ours_shows_a_page_all_the_same(store: Store, mark: str) -> None:
    bills(store, 3)
    for way in ("before", "after"):
        page_of(PaymentRequest.objects.all(), {way: mark})


def test_it_counts_no_further_than_anybody_reads(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "COUNTED_TO", 5)
    assert not total_of(PaymentRequest.objects.all())
    bills(store, 5)
    assert str(total_of(PaymentRequest.objects.all())) == "5"
    bills(store, 1)
    assert str(total_of(PaymentRequest.objects.all())) == "5+"


def test_an_export_reads_every_row_once_in_chunks(store: Store) -> None:
    everything = bills(store, 23)
    for size in (5, 23, 100):
        chunks = list(chunks_of(PaymentRequest.objects.all(), chunk=size))
        assert [bill.pk for chunk in chunks for bill in chunk] == everything
        assert max(map(len, chunks)) == min(size, 23)
