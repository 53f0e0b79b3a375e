"""Which events are written about, to whom, and how often: once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from flashpay.invoices.models import Invoice
from flashpay.invoices.services import invoice_mark, invoices_expire
from flashpay.notices.balances import balances_watch
from flashpay.notices.models import Mail, MailRule
from flashpay.notices.outbox import next_daily, outbox_write
from flashpay.notices.services import mail_settings_save
from flashpay.stores.events import event_record
from flashpay.stores.models import Event, Store, WalletConnection
from payouts.models import DestinationKind, Payout, PayoutState
from tests.mail.conftest import ALICE, mails, pay

Sale = Callable[..., Invoice]
RuleFor = Callable[..., MailRule]
SHOP = "shop@example.com"


def test_a_paid_invoice_is_written_about_to_whoever_wants_it(store: Store, sale: Sale, rule_for: RuleFor) -> None:
    rule_for("paid")
    rule_for("paid_late", address="late@example.com")
    rule_for("paid", address="off@example.com", active=False)
    sale()
    assert mails(store) == [("paid", SHOP)]


def test_nothing_is_written_where_nobody_asked_for_it(store: Store, sale: Sale) -> None:
    sale()
    assert mails(store) == []


def test_an_event_that_comes_again_is_written_about_once(store: Store, sale: Sale, rule_for: RuleFor) -> None:
    rule_for("paid")
    sale()
    event = Event.objects.get(type="InvoiceSettled")
    outbox_write(event)
    outbox_write(event)
    assert mails(store) == [("paid", SHOP)]


def test_an_event_that_is_rolled_back_leaves_no_mail(store: Store, sale: Sale, rule_for: RuleFor) -> None:
    rule_for("paid")
    invoice = sale(paid_sat=0)
    with transaction.atomic():
        pay(invoice, 5000, timezone.now())
        assert mails(store)
        transaction.set_rollback(True)
    assert mails(store) == []


def test_a_late_payment_and_one_over_the_amount_have_their_own_rules(
    store: Store, sale: Sale, rule_for: RuleFor
) -> None:
    rule_for("paid", "paid_late", "paid_over")
    rule_for("paid", address="all@example.com")
    sale(late=True)
    sale(paid_sat=6000)
    assert sorted(mails(store)) == [
        ("paid", "all@example.com"),
        ("paid", "all@example.com"),
        ("paid_late", SHOP),
        ("paid_over", SHOP),
    ]


def test_more_money_for_a_settled_invoice_is_paid_over_once(store: Store, sale: Sale, rule_for: RuleFor) -> None:
    rule_for("paid", "paid_over")
    invoice = sale()
    pay(invoice, 1000, timezone.now())
    pay(invoice, 1000, timezone.now())
    assert mails(store) == [("paid", SHOP), ("paid_over", SHOP)]


def test_an_invoice_paid_in_part_is_written_about_when_its_time_is_over(
    store: Store, sale: Sale, rule_for: RuleFor
) -> None:
    rule_for("paid_partly", "paid")
    sale(paid_sat=2000)
    sale(paid_sat=0)
    assert mails(store) == []
    invoices_expire(now=timezone.now() + timedelta(hours=2))
    assert mails(store) == [("paid_partly", SHOP)]


def test_a_part_that_comes_after_the_end_is_written_about_too(store: Store, sale: Sale, rule_for: RuleFor) -> None:
    rule_for("paid_partly")
    invoice = sale(paid_sat=0)
    later = timezone.now() + timedelta(hours=2)
    invoices_expire(now=later)
    invoice.refresh_from_db()
    pay(invoice, 100, later)
    assert mails(store) == [("paid_partly", SHOP)]


def test_money_for_an_invoice_that_was_marked_invalid_is_late_money(
    store: Store, sale: Sale, rule_for: RuleFor
) -> None:
    rule_for("paid_late")
    invoice = sale(paid_sat=0)
    invoice_mark(invoice=invoice, state="Invalid", reason="out of stock", actor=ALICE)
    pay(invoice, 5000, timezone.now())
    assert mails(store) == [("paid_late", SHOP)]


def payout_of(store: Store, state: str = PayoutState.AWAITING_PAYMENT) -> Payout:
    return Payout.objects.create(
        store=store,
        destination_kind=DestinationKind.choices[0][0],
        destination="lnbc1",
        currency="SAT",
        amount=5000,
        amount_msat=5_000_000,
        state=state,
    )


@pytest.mark.parametrize(
    ("type", "after", "actor", "kind"),
    [
        ("PayoutCreated", "AwaitingApproval", "recipient", "payout_approval"),
        ("PayoutCreated", "AwaitingPayment", "recipient", None),
        ("PayoutSendFailed", "AwaitingPayment", "system", "payout_failed"),
        ("PayoutNeedsReview", "InProgress", "system", "payout_review"),
        ("PayoutCancelled", "Cancelled", "system", "payout_failed"),
        ("PayoutCancelled", "Cancelled", "alice@example.com", None),
        ("PayoutCompleted", "Completed", "system", None),
    ],
)
def test_payouts_that_need_somebody_are_written_about(
    store: Store, rule_for: RuleFor, type: str, after: str, actor: str, kind: str | None
) -> None:
    rule_for("payout_approval", "payout_failed", "payout_review")
    event_record(row=payout_of(store), type=type, after=after, actor=actor, at=timezone.now())
    assert [written for written, _address in mails(store)] == ([kind] if kind else [])


def test_a_payout_that_fails_often_is_written_about_once_and_not_at_once(store: Store, rule_for: RuleFor) -> None:
    rule_for("payout_failed")
    payout, now = payout_of(store), timezone.now()
    for minutes in range(5):
        event_record(row=payout, type="PayoutSendFailed", at=now + timedelta(minutes=minutes))
    mail = Mail.objects.get()
    assert mail.due_at - now == timedelta(minutes=10)


def test_a_wallet_that_runs_low_is_told_once_until_it_has_recovered(connected_store: Store, rule_for: RuleFor) -> None:
    rule_for("low_balance")
    wallet = WalletConnection.objects.filter(store=connected_store)
    wallet.update(balance_cents=50_000)
    mail_settings_save(store=connected_store, receipts_to_buyers=True, low_balance_cents=10_000, actor=ALICE)
    fallen = []
    for cents in (50_000, 9_999, 9_000, 10_500, 9_000, 11_000, 9_000):
        wallet.update(balance_cents=cents)
        fallen.append(balances_watch())
    assert fallen == [0, 1, 0, 0, 0, 0, 1]
    assert [kind for kind, _address in mails(connected_store)] == ["low_balance", "low_balance"]


def test_a_daily_rule_gathers_until_morning_where_the_store_is_but_not_what_is_serious(
    store: Store, sale: Sale, rule_for: RuleFor
) -> None:
    Store.objects.filter(pk=store.pk).update(time_zone="America/Jamaica")
    rule_for("paid", "payout_review", daily=True)
    noon = datetime(2026, 5, 1, 17, tzinfo=UTC)
    sale(now=noon)
    event_record(row=payout_of(store), type="PayoutNeedsReview", at=noon)
    due = dict(Mail.objects.values_list("kind", "due_at"))
    assert due == {"paid": datetime(2026, 5, 2, 13, tzinfo=UTC), "payout_review": noon}


def test_the_morning_is_found_across_a_change_of_the_clocks() -> None:
    # Amsterdam goes to summer time on 29 March 2026 at 2.
    evening = datetime(2026, 3, 28, 20, tzinfo=UTC)
    assert next_daily(evening, "Europe/Amsterdam") == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert next_daily(datetime(2026, 3, 28, 6, 30, tzinfo=UTC), "Europe/Amsterdam") == datetime(
        2026, 3, 28, 7, tzinfo=UTC
    )


def test_without_a_mail_server_nothing_is_written(store: Store, sale: Sale, rule_for: RuleFor, settings: Any) -> None:
    rule_for("paid")
    settings.SANDBOX = False
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    sale()
    assert mails(store) == []


# --- The buyer's receipt --------------------------------------------------------------------------------------------


def test_a_buyer_whose_address_is_known_gets_one_receipt(store: Store, sale: Sale) -> None:
    invoice = sale(metadata={"buyerEmail": " Buyer@example.com "}, language="es")
    pay(invoice, 1000, timezone.now())
    assert mails(store) == [("receipt", "Buyer@example.com")]
    assert Mail.objects.get().language == "es"


@pytest.mark.parametrize(
    "given",
    ["", "nobody", "a@b", "a@example.com, b@example.com", "Joe <a@example.com>", "a@example.com\nBcc: b@example.com",
     5, None, ["a@example.com"], "x" * 250 + "@example.com", "é@example.com"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_gets_nothing_and_hinders_nothing(
    store: Store, sale: Sale, given: object
) -> None:
    invoice = sale(metadata={"buyerEmail": given})
    assert invoice.state == "Settled"
    assert mails(store) == []


def test_a_store_may_switch_receipts_off(store: Store, sale: Sale) -> None:
    mail_settings_save(store=store, receipts_to_buyers=False, low_balance_cents=None, actor=ALICE)
    sale(metadata={"buyerEmail": "buyer@example.com"})
    assert mails(store) == []


def test_an_invoice_settled_by_hand_has_no_receipt_to_send(store: Store, sale: Sale) -> None:
    invoice = sale(paid_sat=0, metadata={"buyerEmail": "buyer@example.com"})
    invoice_mark(invoice=invoice, state="Settled", reason="cash", actor=ALICE)
    assert mails(store) == []
