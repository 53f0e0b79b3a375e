"""Every table of records is in the admin, is found by what people have of it, and lists quickly however long it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flashpay.invoices.models import LightningAddress, PayLink, PaymentRequest
from flashpay.invoices.services import (
    invoice_create,
    lightning_address_save,
    pay_link_create,
    payment_request_save,
)
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Event, Store, User
from flashpay.stores.services import api_key_create
from payouts.models import (
    AttemptEvidence,
    Payout,
    PayoutApproval,
    PayoutAttempt,
    PayoutPart,
    PayoutPolicy,
    PullPayment,
    ReviewDecision,
    SendingSwitch,
    WalletTransaction,
)
from payouts.recipients.models import Recipient, RecipientPayout
from payouts.recipients.services import recipient_create
from payouts.services import payout_claim, pull_payment_create
from payouts.vouchers.models import Voucher, VoucherBatch
from payouts.vouchers.services import voucher_batch_create
from tests.admin.conftest import Records
from tests.cast import store_make, user_make

ROOMS = ("stores", "invoices", "payouts", "vouchers", "recipients", "payout_batches")
# Shown on the pages of what they belong to.
INSIDE_OTHERS = {"stores.Membership"}
TABLES = [model for model in apps.get_models() if model._meta.app_label in ROOMS]


def test_every_table_of_records_is_there() -> None:
    missing = {model._meta.label for model in TABLES if not admin.site.is_registered(model)}
    assert missing == INSIDE_OTHERS


def fill(records: Records, number: int) -> None:
    """One more row of every table, for a store and people of its own where a list shows them."""
    now = timezone.now()
    store = records.pull_payment.store
    person = user_make(f"person-{number}")
    other = store_make(person, name=f"Shop {number}")
    api_key_create(user=person, store=other, label="till")
    invoice_create(store=store, amount=21_000, currency=SAT, actor="alice", order_id=f"B-{number}")
    lightning_address_save(store=store, name=f"cafe-{number}", actor="alice")
    pay_link_create(store=store, title=f"Tour {number}", currency=USD, actor="alice", amount=500)
    payment_request_save(
        store=store, title=f"Rent {number}", amount=500, currency=USD, actor="alice", reference_id=f"R-{number}"
    )
    pull_payment = pull_payment_create(store=store, amount=50_000, currency=SAT, actor="alice", auto_approve=False)
    payout = payout_claim(pull_payment=pull_payment, destination=f"ada-{number}@pay.example", amount=20_000)
    attempt = PayoutAttempt.objects.create(
        store=store,
        payout=payout,
        number=1,
        connection=records.connection,
        wallet_id="wallet-1",
        bolt11="lnbcrt1example",
        payment_hash=f"{number:064x}",
        amount_msat=payout.amount_msat,
        idempotency_key=f"key-{number}",
    )
    AttemptEvidence.objects.create(attempt=attempt, source="test", says="nothing", grade="hint", summary="Hint")
    ReviewDecision.objects.create(attempt=attempt, user=person, verdict="paid", reason="The recipient says so")
    WalletTransaction.objects.create(
        connection=records.connection, transaction_id=f"tx-{number}", direction="SEND", at=now
    )
    PayoutApproval.objects.create(payout=payout, person=f"user:{person.pk}", actor=person.email)
    PayoutPart.objects.create(payout=payout, amount=20_000, amount_msat=20_000_000, claim_key=f"{number:064d}")
    PayoutPolicy.objects.create(store=other)
    voucher_batch_create(
        store=store, count=2, amount=21_000, currency=SAT, actor="alice", name=f"Batch {number}", prefix=f"P{number}"
    )
    recipient = recipient_create(store=store, name=f"Ada {number}", actor="alice")
    RecipientPayout.objects.create(payout=payout, recipient=recipient)


@pytest.fixture
def filled(records: Records) -> Records:
    SendingSwitch.objects.create(paused=True, reason="Looking into something", actor="ada")
    fill(records, 1)
    return records


LISTED = [model for model in TABLES if admin.site.is_registered(model)]


def _pages(desk: Client) -> dict[str, int]:
    """How many queries each list takes."""
    counts = {}
    for model in LISTED:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            answer = desk.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/")
        assert answer.status_code == 200, model
        counts[model._meta.label] = len(asked)
    return counts


def test_no_list_asks_more_often_the_longer_it_is(desk: Client, filled: Records) -> None:
    _pages(desk)
    short = _pages(desk)
    for number in range(2, 7):
        fill(filled, number)
    assert _pages(desk) == short


def test_every_record_can_be_opened_and_none_changed_or_deleted(desk: Client, filled: Records) -> None:
    for model in (
        LightningAddress, PayLink, PaymentRequest, PayoutPart, PayoutApproval, ReviewDecision, PayoutPolicy,
        SendingSwitch, AttemptEvidence, VoucherBatch, Voucher, Recipient, RecipientPayout,
    ):  # fmt: skip
        row = model._default_manager.first()
        assert row is not None, model
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/{row.pk}"
        before = model._default_manager.filter(pk=row.pk).values().get()
        shown = desk.get(f"{page}/change/")
        assert shown.status_code == 200, model
        assert 'name="_save"' not in shown.content.decode()
        fields = dict.fromkeys((field.name for field in model._meta.fields), "5")
        assert desk.post(f"{page}/change/", fields).status_code == 403, model
        assert desk.post(f"{page}/delete/", {"post": "yes"}).status_code == 403, model
        assert model._default_manager.filter(pk=row.pk).values().get() == before


def _found(desk: Client, model: type[models.Model], words: str, pk: Any) -> bool:
    page = desk.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/", {"q": words}).content.decode()
    return f"/{pk}/change/" in page


def test_a_record_is_found_by_whatever_a_person_has_of_it(desk: Client, filled: Records) -> None:
    payout = Payout.objects.get(destination="ada-1@pay.example")
    attempt = PayoutAttempt.objects.get(payout=payout)
    voucher = Voucher.objects.get(number=1)
    recipient, bill = Recipient.objects.get(), PaymentRequest.objects.get()
    for model, row, terms in [
        (LightningAddress, LightningAddress.objects.get(), ["cafe-1"]),
        (PayLink, PayLink.objects.get(), [PayLink.objects.get().pk, "Tour"]),
        (PaymentRequest, bill, [bill.pk, "R-1", "Rent 1"]),
        (Payout, payout, ["ada-1@pay.example", attempt.payment_hash, payout.pk]),
        (PayoutPart, payout.parts.get(), [payout.pk, payout.destination]),
        (PayoutApproval, payout.approved_by.get(), [payout.pk, "person-1@example.com"]),
        (AttemptEvidence, attempt.evidence.get(), [attempt.payment_hash, payout.pk, payout.destination]),
        (ReviewDecision, attempt.decisions.get(), [attempt.payment_hash, payout.pk, "person-1@example.com"]),
        (VoucherBatch, voucher.batch, [voucher.batch_id, "Batch 1", voucher.pk]),
        (Voucher, voucher, [voucher.pk, voucher.code_shown, voucher.code.lower()]),
        (Recipient, recipient, [recipient.pk, "Ada 1", payout.pk]),
    ]:
        for words in terms:
            assert _found(desk, model, words, row.pk), (model, words)
            assert not _found(desk, model, "nothing-like-this", row.pk)


def test_no_page_tells_what_takes_money(desk: Client, filled: Records) -> None:
    voucher, recipient = Voucher.objects.get(number=1), Recipient.objects.get()
    pages = [
        "/admin/vouchers/voucher/",
        f"/admin/vouchers/voucher/{voucher.pk}/change/",
        f"/admin/vouchers/voucherbatch/{voucher.batch_id}/change/",
        "/admin/recipients/recipient/",
        f"/admin/recipients/recipient/{recipient.pk}/change/",
        f"/admin/payouts/payoutpart/{PayoutPart.objects.get().pk}/change/",
    ]
    shown = "".join(desk.get(page).content.decode() for page in pages)
    for secret in (voucher.code, voucher.code_shown, recipient.token, f"{1:064d}"):
        assert secret not in shown


def test_it_revokes_vouchers_and_archives_recipients_in_its_own_name(desk: Client, filled: Records) -> None:
    voucher, recipient = Voucher.objects.get(number=1), Recipient.objects.get()
    for model, action, pk in [
        ("vouchers/voucher", "revoke", voucher.pk),
        ("vouchers/voucherbatch", "revoke", voucher.batch_id),
        ("recipients/recipient", "archive", recipient.pk),
    ]:
        desk.post(f"/admin/{model}/", {"action": action, "_selected_action": str(pk)}, follow=True)
    recipient.refresh_from_db()
    assert recipient.archived_at is not None
    assert PullPayment.objects.filter(voucher__isnull=False, archived_at=None).count() == 0
    actors = Event.objects.filter(type__in=["PullPaymentArchived", "RecipientArchived"]).values_list("actor", flat=True)
    assert set(actors) == {"ada@example.com (admin)"}
    assert User.objects.exists()
    assert Store.objects.exists()
