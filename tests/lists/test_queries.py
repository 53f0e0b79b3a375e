"""The pages of lists ask the database as often for forty rows as for one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flashpay.ids import id_new
from flashpay.invoices.models import Invoice, LightningAddress, PayLink, PaymentRequest, Source
from flashpay.notices.models import Mail, MailRule
from flashpay.stores.models import Store
from flashpay.till.models import Till
from payouts.batches.models import BatchPayout, PayoutBatch
from payouts.models import Payout, PullPayment
from payouts.recipients.models import Recipient
from payouts.vouchers.models import Voucher, VoucherBatch
from tests.cast import member_add, user_make
from tests.payouts.recipients import pull_payment_make

pytestmark = pytest.mark.django_db

LISTS = [
    "", "/invoices", "/links", "/payment-requests", "/pull-payments", "/payouts", "/recipients",
    "/addresses", "/vouchers", "/payout-batches", "/tills", "/team", "/settings/mail",
]  # fmt: skip


def rows_make(store: Store, count: int) -> None:
    """`count` more of everything that is listed; the bills are paid in part, the payouts are claims of different pull payments."""
    now = timezone.now()
    for number in range(count):
        bill = PaymentRequest.objects.create(store=store, title=f"Bill {number}", currency="SAT", amount=2_000)
        Invoice.objects.create(
            store=store, currency="SAT", amount=1_000, amount_msat=1_000_000, credited_msat=500_000, received_msat=500_000,
            source=Source.REQUEST, source_id=bill.pk, expires_at=now + timedelta(hours=1),
            monitoring_ends_at=now + timedelta(days=1),
        )  # fmt: skip
        PayLink.objects.create(store=store, title=f"Link {number}", currency="SAT", amount=1_000)
        prize: PullPayment = pull_payment_make(store, claimed=10_000)
        payout = Payout.objects.create(
            store=store, pull_payment=prize, destination_kind="address", destination=f"somebody{number}@example.com",
            currency="SAT", amount=10_000, amount_msat=10_000_000,
        )  # fmt: skip
        Recipient.objects.create(store=store, name=f"Recipient {number}")
        name = id_new().lower()
        LightningAddress.objects.create(store=store, name=name, minimum_sat=1, maximum_sat=1_000)
        vouchers = VoucherBatch.objects.create(
            store=store, name=f"Gift {number}", currency="SAT", amount=10_000, count=1
        )
        Voucher.objects.create(batch=vouchers, number=1, pull_payment=pull_payment_make(store))
        table = PayoutBatch.objects.create(store=store, name=f"Table {number}", content_sha256="0" * 64)
        BatchPayout.objects.create(batch=table, payout=payout, line=1)
        Till.objects.create(
            store=store, name=name, link=PayLink.objects.create(store=store, title=name, currency="SAT")
        )
        member_add(store, user_make(name), "Employee")
        rule = MailRule.objects.create(store=store, address=f"{name}@example.com", kinds=["paid"], created_by="alice")
        Mail.objects.create(store=store, rule=rule, kind="paid", key=name, address=rule.address, give_up_at=now)


def queries(client: Client, store: Store) -> dict[str, int]:
    counted = {}
    for path in LISTS:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/stores/{store.pk}{path}").status_code == 200
        counted[path] = len(asked)
    return counted


def test_a_page_of_many_rows_costs_no_more_queries_than_one_of_few(merchant: Client, store: Store) -> None:
    rows_make(store, 2)
    queries(merchant, store)  # the session and the content types are in place after this
    few = queries(merchant, store)
    rows_make(store, 18)
    assert queries(merchant, store) == few


@pytest.mark.parametrize("path", ["/invoices", "/payouts"])
def test_a_search_for_anything_at_all_finds_a_page(merchant: Client, store: Store, path: str) -> None:
    rows_make(store, 1)
    for text in ("\0", "a\0b", "%", "'", '"', "\\", "startdate:\0", "ab" * 32):
        assert merchant.get(f"/stores/{store.pk}{path}", {"q": text}).status_code == 200


def test_the_downloads_ask_once_a_chunk_and_not_once_a_row(merchant: Client, store: Store) -> None:
    rows_make(store, 2)
    for path in ("/invoices.csv", "/payouts.csv"):
        counts = []
        for more in (0, 10):
            rows_make(store, more)
            with CaptureQueriesContext(connection) as asked:
                body = b"".join(merchant.get(f"/stores/{store.pk}{path}"))  # type: ignore[arg-type]
            counts.append(len(asked))
        assert body.count(b"\r\n") > 10
        assert counts[0] == counts[1], path


def test_what_bills_brought_in_is_the_same_one_by_one_and_all_at_once(store: Store) -> None:
    from flashpay.invoices.requests import request_paid, requests_paid

    rows_make(store, 3)
    bills = list(PaymentRequest.objects.all())
    assert requests_paid(bills) == {bill.pk: request_paid(bill) for bill in bills}
    assert set(requests_paid(bills).values()) == {500}
