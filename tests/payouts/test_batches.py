"""Many payouts from one table: checked row by row, and made all together, once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from flashpay.money.currencies import SAT, USD
from flashpay.money.rates import Rate
from flashpay.refusals import Refusal
from flashpay.stores.models import AppendOnlyError, CredentialKind, Event, PaymentHash, Store, User
from payouts.batches import checking
from payouts.batches.models import BatchPayout, PayoutBatch
from payouts.batches.reading import table_read
from payouts.batches.selectors import batch_csv, batch_payouts, batch_progress
from payouts.batches.services import (
    DRAFT_KEPT,
    batch_approve,
    batch_cancel,
    batch_check,
    batch_confirm,
    batch_discard,
    batch_read,
    batch_rows_drop,
    batch_seen,
    batch_sent_before,
    batches_sweep,
)
from payouts.batches.tasks import sweep_drafts
from payouts.models import Payout
from payouts.services import payout_create, payout_policy_update, payout_send
from tests.cast import user_make
from tests.payouts.conftest import ALICE, soon
from tests.payouts.recipients import invoice_over, wallet_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def paying_store(store: Store) -> Store:
    wallet_make(store)
    return store


def brought(
    store: Store, *rows: str, head: str = "destination,amount,currency,reference,note", **more: Any
) -> PayoutBatch:
    content = "\n".join([head, *rows]).encode()
    return batch_read(store=store, content=content, default_currency="SAT", actor=ALICE, name="wages.csv", **more)


def confirmed(batch: PayoutBatch, **more: Any) -> PayoutBatch:
    return batch_confirm(batch=batch, seen=batch_seen(batch), actor=ALICE, **more)


def problems(batch: PayoutBatch) -> list[str]:
    return [" ".join(each.problems) for each in batch_check(batch=batch).rows]


def test_every_kind_of_destination_is_paid_as_the_table_says(paying_store: Store) -> None:
    fixed, free = invoice_over(15_000), invoice_over(None)
    lnurl = "http://127.0.0.1:9/lnurlp/anna"
    batch = brought(
        paying_store, "anna@example.com,25000,,A-1,Hours", f"{fixed},,SAT", f"{free},0.0002,BTC", f"{lnurl},10000,SAT"
    )
    confirmed(batch)
    made = list(batch_payouts(batch=batch))
    assert (made[0].line, made[0].reference, made[0].note) == (2, "A-1", "Hours")
    assert [(each.payout.destination_kind, each.payout.amount_msat) for each in made] == [
        ("address", 25_000_000),
        ("bolt11", 15_000_000),
        ("bolt11", 20_000_000),
        ("lnurl_pay", 10_000_000),
    ]
    assert {each.payout.state for each in made} == {"AwaitingPayment"}
    assert PaymentHash.objects.filter(owner="payout").count() == 2
    assert Event.objects.filter(type="PayoutCreated", actor=ALICE).count() == 4
    assert Event.objects.get(type="PayoutBatchConfirmed").evidence["payouts"] == 4
    assert made[1].payout.expires_at is not None


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (",20000", "no destination"),
        ("anna,20000", ""),
        ("anna@example.com,", "no amount"),
        ("anna@example.com,9999", "smallest amount that can be paid out is 10,000"),
        ("anna@example.com,0", "more than zero"),
        ("anna@example.com,-5", "negative"),
        ("anna@example.com,many", "cannot be read as an amount"),
        ("anna@example.com,10,000", "more cells here than columns"),
        ("anna@example.com,20000,XYZ", "XYZ"),
        (f"anna@example.com,20000,SAT,{'r' * 65}", "reference may have 64"),
        (f"anna@example.com,20000,SAT,r,{'n' * 201}", "note may have 200"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_in_a_sentence(paying_store: Store, row: str, sentence: str) -> None:
    head = (
        "destination,amount"
        if row.count(",") <= 2 and "10,000" in row
        else "destination,amount,currency,reference,note"
    )
    batch = brought(paying_store, row, "ben@example.com,20000", head=head)
    first, second = problems(batch)
    assert first
    assert sentence.replace(" ", "") in first.replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
    assert second == ""
    with pytest.raises(Refusal) as refused:
        confirmed(batch)
    assert refused.value.code == "has-problems"
    assert not Payout.objects.exists()


def test_both_ends_of_a_row_are_looked_at(paying_store: Store) -> None:
    found = problems(brought(paying_store, "nobody,many"))[0]
    assert "cannot be read as an amount" in found
    assert len(batch_check(batch=brought(paying_store, "nobody,many,SAT,x")).rows[0].problems) == 2


def test_invoices_that_are_dead_used_ours_or_there_twice_are_found(paying_store: Store) -> None:
    used, twice, ours = invoice_over(20_000), invoice_over(20_000), invoice_over(20_000)
    payout_create(store=paying_store, destination=used, currency=SAT, actor=ALICE)
    from flashpay.lightning import invoice_read

    PaymentHash.objects.create(payment_hash=invoice_read(ours).payment_hash, owner="invoice", owner_id="x")
    dead = invoice_over(20_000, created=soon(-7_200))
    found = problems(brought(paying_store, used, twice, twice.upper(), ours, dead))
    assert "used for a payout before" in found[0]
    assert found[1] == ""
    assert "The same invoice stands in row 3" in found[2]
    assert "invoice of this shop itself" in found[3]
    assert "expired" in found[4]


def test_the_same_payment_twice_is_a_slip_unless_the_references_differ(paying_store: Store) -> None:
    slip = brought(
        paying_store, "anna@example.com,20000,,A-1", "Anna@example.com,20000,,A-1", "anna@example.com,30000,,A-1"
    )
    assert ["row 2" in found for found in problems(slip)] == [False, True, False]
    meant = brought(paying_store, "anna@example.com,20000,,A-1", "anna@example.com,20000,,A-2")
    assert problems(meant) == ["", ""]


def test_an_amount_beside_an_invoice_must_not_be_less_and_more_is_not_paid(paying_store: Store) -> None:
    less, more = invoice_over(20_000), invoice_over(20_000)
    checked = batch_check(batch=brought(paying_store, f"{less},15000", f"{more},25000"))
    assert "more than the amount" in checked.rows[0].problems[0]
    assert checked.rows[1].problems == []
    assert "That is what is paid" in checked.rows[1].notices[0]
    assert checked.amount_msat == 20_000_000


def test_it_adds_up_by_currency_and_in_sats(paying_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate(USD, Decimal("100000"), "test", soon())
    monkeypatch.setattr(checking, "rate_get", lambda currency: rate)
    checked = batch_check(
        batch=brought(paying_store, "a@example.com,20000", "b@example.com,12.50,USD", "c@example.com,30000", "d,5,USD")
    )
    assert [(each.currency.code, each.count, each.amount, each.amount_msat) for each in checked.sums] == [
        ("SAT", 2, 50_000, 50_000_000),
        ("USD", 1, 1_250, 12_500_000),
    ]
    assert checked.amount_msat == 62_500_000
    assert len(checked.bad) == 1


def test_looking_makes_nothing(paying_store: Store) -> None:
    batch_check(batch=brought(paying_store, "anna@example.com,20000", invoice_over(20_000)))
    assert not Payout.objects.exists()
    assert not PaymentHash.objects.exists()


def test_rows_can_be_left_out_and_the_rest_is_paid(paying_store: Store) -> None:
    batch = brought(paying_store, "anna@example.com,20000", "nobody,5", "ben@example.com,30000")
    seen = batch_seen(batch)
    assert batch_rows_drop(batch=batch, lines={3, 99}) == 1
    with pytest.raises(Refusal) as refused:
        batch_confirm(batch=batch, seen=seen, actor=ALICE)
    assert refused.value.code == "changed"
    assert not Payout.objects.exists()
    confirmed(batch)
    assert list(batch_payouts(batch=batch).values_list("line", flat=True)) == [2, 4]


def test_confirming_again_makes_nothing_more(paying_store: Store) -> None:
    batch = brought(paying_store, "anna@example.com,20000")
    stale = PayoutBatch.objects.get(pk=batch.pk)
    confirmed(batch)
    confirmed(batch)
    confirmed(stale)
    assert Payout.objects.count() == 1
    assert Event.objects.filter(type="PayoutBatchConfirmed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_confirmed_by_two_at_the_same_moment_it_is_made_once(paying_store: Store) -> None:
    batch = brought(paying_store, *[f"p{number}@example.com,20000" for number in range(20)])
    start = threading.Barrier(2)

    def press(_: int) -> None:
        mine = PayoutBatch.objects.get(pk=batch.pk)
        start.wait()
        try:
            confirmed(mine)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(press, range(2)))
    assert Payout.objects.count() == BatchPayout.objects.count() == 20


def test_an_invoice_that_is_used_in_the_last_moment_stops_all_of_it(
    paying_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bolt11 = invoice_over(20_000)
    batch = brought(paying_store, "anna@example.com,20000", bolt11)
    checked = batch_check(batch=batch)
    payout_create(store=paying_store, destination=bolt11, currency=SAT, actor=ALICE)
    from payouts.batches import services

    monkeypatch.setattr(services, "batch_check", lambda **_: checked)
    with pytest.raises(Refusal) as refused:
        confirmed(batch)
    assert refused.value.code == "changed"
    assert Payout.objects.count() == 1
    batch.refresh_from_db()
    assert (batch.state, batch.made.count()) == ("Draft", 0)


def test_the_same_table_is_known_again_and_paid_again_only_if_that_is_said(paying_store: Store) -> None:
    first = confirmed(brought(paying_store, "anna@example.com,20000"))
    content = b"Amount;Address\r\n20000;anna@example.com\r\n"
    again = batch_read(store=paying_store, content=content, default_currency="SAT", actor=ALICE)
    assert batch_sent_before(again) == first
    with pytest.raises(Refusal) as refused:
        confirmed(again)
    assert refused.value.code == "sent-before"
    assert Payout.objects.count() == 1
    confirmed(PayoutBatch.objects.get(pk=again.pk), again=True)
    assert Payout.objects.count() == 2
    assert Event.objects.filter(type="PayoutBatchConfirmed").last().evidence["again"] == first.pk  # type: ignore[union-attr]


def test_a_draft_that_was_only_looked_at_is_no_earlier_sending(paying_store: Store) -> None:
    brought(paying_store, "anna@example.com,20000")
    assert batch_sent_before(brought(paying_store, "anna@example.com,20000")) is None


def test_a_corrected_table_takes_the_place_of_the_draft(paying_store: Store) -> None:
    wrong = brought(paying_store, "nobody,20000")
    right = brought(paying_store, "anna@example.com,20000", replaces=wrong)
    wrong.refresh_from_db()
    assert (wrong.state, right.state) == ("Discarded", "Draft")
    with pytest.raises(Refusal):
        confirmed(wrong)
    assert not Payout.objects.exists()


def test_what_is_confirmed_is_neither_changed_nor_discarded(paying_store: Store) -> None:
    batch = confirmed(brought(paying_store, "anna@example.com,20000"))
    for change in (
        lambda: batch_rows_drop(batch=batch, lines={2}),
        lambda: batch_discard(batch=batch, actor=ALICE),
    ):
        with pytest.raises(Refusal):
            change()
    assert batch.made.count() == 1
    with pytest.raises(AppendOnlyError):
        batch.made.get().delete()


def test_the_store_s_rules_on_approval_hold_for_each_row(paying_store: Store, alice: User) -> None:
    payout_policy_update(
        store=paying_store,
        actor=ALICE,
        minimum_policy="refuse",
        approve_by_hand_above_sat=50_000,
        two_people_above_sat=90_000,
    )
    batch = brought(paying_store, "a@example.com,50000", "b@example.com,50001", "c@example.com,90001")
    assert batch_check(batch=batch).awaiting_approval == 2
    confirmed(batch)
    assert batch_progress(batch).counts == {
        "": 3, "approval": 2, "waiting": 1, "held": 0, "flight": 0, "review": 0, "completed": 0, "cancelled": 0,
    }  # fmt: skip
    assert batch_approve(batch=batch, user=alice) == (1, 1)
    assert batch_approve(batch=batch, user=alice) == (0, 0)
    assert batch_approve(batch=batch, user=user_make("erin")) == (1, 0)
    assert batch_progress(batch).counts["waiting"] == 3


def test_the_rest_can_be_cancelled_and_what_flies_flies_on(paying_store: Store) -> None:
    batch = confirmed(brought(paying_store, "a@example.com,20000", "b@example.com,30000"))
    Payout.objects.filter(amount=30_000).update(state="InProgress")
    assert batch_cancel(batch=batch, reason="The wrong month.", actor=ALICE) == 1
    progress = batch_progress(batch)
    assert (progress.counts["cancelled"], progress.counts["flight"], progress.final) == (1, 1, False)
    assert Payout.objects.get(amount=20_000).reason == "The wrong month."


def test_what_could_not_be_sent_is_counted_apart_with_its_reason(paying_store: Store) -> None:
    batch = confirmed(brought(paying_store, "a@example.com,20000", "b@example.com,30000"))
    Payout.objects.filter(amount=30_000).update(reason="The recipient's Lightning service refused.")
    progress = batch_progress(batch)
    assert (progress.counts["waiting"], progress.counts["held"]) == (1, 1)
    assert [made.line for made in batch_payouts(batch=batch, tab="held")] == [3]


def test_without_a_wallet_that_can_pay_nothing_is_taken(store: Store) -> None:
    with pytest.raises(Refusal, match="no Flash wallet"):
        brought(store, "anna@example.com,20000")
    assert not PayoutBatch.objects.exists()
    wallet_make(store, kind=CredentialKind.USERNAME)
    batch = brought(store, "anna@example.com,20000")
    with pytest.raises(Refusal, match="can only receive"):
        confirmed(batch)
    assert not Payout.objects.exists()


def test_the_results_are_safe_for_spreadsheets_and_read_back_as_the_same_table(paying_store: Store) -> None:
    batch = confirmed(brought(paying_store, "anna@example.com,20000,,'=1+1,@cmd", f"{invoice_over(15_000)},,,A-2"))
    csv = "".join(batch_csv(batch))
    assert "'=1+1" in csv
    assert "'@cmd" in csv
    assert "AwaitingPayment" in csv
    read = table_read(csv.encode()).rows
    assert [(row.amount, row.reference, row.note) for row in read] == [("20000", "=1+1", "@cmd"), ("15000", "A-2", "")]


def test_it_is_paid_for_real_and_the_results_carry_the_proof(
    connected_store: Store, plain_sandbox: SandboxServer
) -> None:
    batch = confirmed(brought(connected_store, plain_sandbox.phone_invoice(20_000)["bolt11"]))
    payout_send(payout_id=batch.made.get().pk)
    progress = batch_progress(batch)
    assert (progress.counts["completed"], progress.paid_msat, progress.final) == (1, 20_000_000, True)
    assert "/p/receipt/" in "".join(batch_csv(batch))


def test_a_draft_that_nobody_confirmed_is_discarded_and_its_rows_are_forgotten(paying_store: Store) -> None:
    old = brought(paying_store, "anna@example.com,20000", now=soon(-DRAFT_KEPT.total_seconds() - 1))
    young = brought(paying_store, "ben@example.com,20000", now=soon(-DRAFT_KEPT.total_seconds() + 60))
    sweep_drafts()
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, old.rows, young.state, len(young.rows)) == ("Discarded", [], "Draft", 1)
    event = Event.objects.get(type="PayoutBatchDiscarded")
    assert (event.entity_id, event.actor, event.evidence) == (
        old.pk,
        "system",
        {"reason": "Nobody confirmed it for 7 days."},
    )
    with pytest.raises(Refusal, match="was discarded"):
        confirmed(old)
    assert not Payout.objects.exists()
    assert batches_sweep() == 0


def test_what_was_confirmed_is_never_swept(paying_store: Store) -> None:
    batch = confirmed(brought(paying_store, "anna@example.com,20000", now=soon(-DRAFT_KEPT.total_seconds() - 1)))
    assert batches_sweep() == 0
    batch.refresh_from_db()
    assert (batch.state, len(batch.rows)) == ("Confirmed", 1)


def test_the_rows_of_a_discarded_table_are_forgotten_in_the_end_too(paying_store: Store) -> None:
    batch = brought(paying_store, "anna@example.com,20000")
    batch_discard(batch=batch, actor=ALICE)
    assert batches_sweep() == 0
    batch.refresh_from_db()
    assert len(batch.rows) == 1
    batches_sweep(now=soon(DRAFT_KEPT.total_seconds() + 1))
    batch.refresh_from_db()
    assert (batch.state, batch.rows) == ("Discarded", [])
    assert Event.objects.get(type="PayoutBatchDiscarded").actor == ALICE


def test_a_draft_is_confirmed_or_swept_and_never_both(paying_store: Store) -> None:
    """Whoever read it as a draft before the sweep finds it gone, and makes nothing."""
    batch = brought(paying_store, "anna@example.com,20000")
    seen = batch_seen(batch)
    assert batches_sweep(now=soon(DRAFT_KEPT.total_seconds() + 1)) == 1
    with pytest.raises(Refusal, match="was discarded"):
        batch_confirm(batch=batch, seen=seen, actor=ALICE)
    assert not Payout.objects.exists()
