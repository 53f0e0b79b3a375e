from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from flashpay.invoices.models import AdditionalState, InvoiceState
from flashpay.stores.models import Event, User
from flashpay.stores.services import api_key_create
from payouts.models import Payout, PayoutState
from payouts.services import payout_approve
from tests.admin.conftest import ADA, Records, act
from tests.cast import PASSWORD


@pytest.mark.parametrize(("action", "state"), [("mark_settled", "Settled"), ("mark_invalid", "Invalid")])
def test_it_marks_an_invoice_with_reason_and_name(desk: Client, records: Records, action: str, state: str) -> None:
    act(desk, "invoices/invoice", action, records.invoice.pk, "Paid in cash")
    records.invoice.refresh_from_db()
    assert (records.invoice.state, records.invoice.additional_state) == (state, AdditionalState.MARKED)
    event = Event.objects.get(type="InvoiceMarked")
    assert (event.actor, event.evidence) == (f"{ADA} (admin)", {"reason": "Paid in cash"})


@pytest.mark.parametrize(("model", "action"), [("invoices/invoice", "mark_settled"), ("payouts/payout", "cancel")])
def test_it_decides_nothing_by_hand_without_a_reason(desk: Client, records: Records, model: str, action: str) -> None:
    row = records.invoice if model == "invoices/invoice" else records.payout
    assert "Please type a reason" in act(desk, model, action, row.pk, "  ")
    _undecided(records)


def test_it_approves_a_payout(desk: Client, records: Records) -> None:
    act(desk, "payouts/payout", "approve", records.payout.pk)
    records.payout.refresh_from_db()
    assert records.payout.state == PayoutState.AWAITING_PAYMENT
    assert Event.objects.get(type="PayoutApproved").actor == f"{ADA} (admin)"


def test_it_counts_a_person_once_whichever_door_they_come_by(desk: Client, records: Records, ada: User) -> None:
    Payout.objects.filter(pk=records.payout.pk).update(approvals_needed=2)
    records.payout.refresh_from_db()
    payout_approve(payout=records.payout, actor="Ada on the pages", user=ada)
    assert "second person" in act(desk, "payouts/payout", "approve", records.payout.pk)
    records.payout.refresh_from_db()
    assert (records.payout.state, records.payout.approvals) == (PayoutState.AWAITING_APPROVAL, 1)


def test_it_cancels_a_payout_and_gives_its_amount_back(desk: Client, records: Records) -> None:
    act(desk, "payouts/payout", "cancel", records.payout.pk, "Asked for by mistake")
    records.payout.refresh_from_db()
    records.pull_payment.refresh_from_db()
    assert (records.payout.state, records.payout.reason) == (PayoutState.CANCELLED, "Asked for by mistake")
    assert records.pull_payment.claimed == 0
    assert Event.objects.get(type="PayoutCancelled").actor == f"{ADA} (admin)"


def test_it_says_why_a_service_refuses_and_leaves_the_payout_alone(desk: Client, records: Records) -> None:
    act(desk, "payouts/payout", "cancel", records.payout.pk, "First")
    shown = act(desk, "payouts/payout", "approve", records.payout.pk)
    assert "Only a payout that awaits approval" in shown
    records.payout.refresh_from_db()
    assert records.payout.state == PayoutState.CANCELLED


def test_it_archives_a_pull_payment_and_cancels_what_was_not_sent(desk: Client, records: Records) -> None:
    act(desk, "payouts/pullpayment", "archive", records.pull_payment.pk)
    records.pull_payment.refresh_from_db()
    records.payout.refresh_from_db()
    assert records.pull_payment.archived_at is not None
    assert records.payout.state == PayoutState.CANCELLED
    assert Event.objects.get(type="PullPaymentArchived").actor == f"{ADA} (admin)"


def test_it_disconnects_a_wallet_and_keeps_it_on_record(desk: Client, records: Records) -> None:
    act(desk, "stores/walletconnection", "disconnect", records.connection.pk)
    records.connection.refresh_from_db()
    assert records.connection.is_active is False


def test_it_revokes_a_key(desk: Client, alice: User) -> None:
    key, _ = api_key_create(user=alice)
    act(desk, "stores/apikey", "revoke", key.pk)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_it_archives_a_store_and_brings_it_back(desk: Client, records: Records) -> None:
    store = records.invoice.store
    for action, archived in (("archive", True), ("unarchive", False)):
        act(desk, "stores/store", action, store.pk)
        store.refresh_from_db()
        assert store.archived is archived


def test_it_lets_staff_who_may_only_look_decide_nothing(client: Client, records: Records) -> None:
    looker = User.objects.create_user("looker@example.com", PASSWORD, is_staff=True)
    names = ["view_invoice", "view_payout", "view_pullpayment"]
    looker.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(looker, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/admin/payouts/payout/").status_code == 200
    act(client, "payouts/payout", "approve", records.payout.pk)
    act(client, "payouts/payout", "cancel", records.payout.pk, "reason")
    act(client, "invoices/invoice", "mark_settled", records.invoice.pk, "reason")
    act(client, "payouts/pullpayment", "archive", records.pull_payment.pk)
    _undecided(records)


def _undecided(records: Records) -> None:
    for row in (records.invoice, records.payout, records.pull_payment):
        row.refresh_from_db()
    assert records.invoice.state == InvoiceState.NEW
    assert records.payout.state == PayoutState.AWAITING_APPROVAL
    assert records.pull_payment.archived_at is None
