"""Payments that Flash tells of: credited at once, once, and only where they belong."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from flashpay.invoices.listener.records import check_soon, push_settle
from flashpay.invoices.models import Invoice, LightningInvoice, Payment
from flashpay.invoices.services import lightning_invoices_poll
from flashpay.stores.models import Store
from tests.listener.conftest import code_make, healthy, payment_of, sockets_now, until, wallet_by_token
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db(transaction=True)


def asked_late(code: LightningInvoice) -> None:
    """The poll will not find it for an hour."""
    LightningInvoice.objects.filter(pk=code.pk).update(next_poll_at=timezone.now() + timedelta(hours=1))


def code_listened_to(store: Store, now: datetime | None = None) -> LightningInvoice:
    """A code of which Flash has said over the live connection that it is open: nothing but a push can follow."""
    until(lambda: healthy("anonymous"))
    code = code_make(store, now=now)
    until(lambda: any(health.last_event_at for health in sockets_now().values()))
    return code


def test_a_payment_settles_by_push(connected_store: Store, listener: Program, flash: SandboxServer) -> None:
    code = code_make(connected_store)
    flash.phone_pay(code.bolt11)
    assert payment_of(code).evidence == "push"
    code.refresh_from_db()
    assert (code.state, code.invoice.state, code.next_poll_at) == ("paid", "Settled", None)


def test_codes_that_were_there_before_the_listener_are_watched(
    connected_store: Store, flash: SandboxServer, start_program: object, request: pytest.FixtureRequest
) -> None:
    code = code_make(connected_store)
    request.getfixturevalue("listener")
    flash.phone_pay(code.bolt11)
    payment_of(code)


def test_with_a_session_token_the_account_itself_tells(store: Store, listener: Program, flash: SandboxServer) -> None:
    wallet_by_token(store, flash)
    until(lambda: healthy("token"))
    code = code_make(store)
    flash.phone_pay(code.bolt11)
    assert payment_of(code).evidence == "push"


def test_two_stores_of_one_endpoint_are_heard_on_one_socket(
    connected_store: Store, listener: Program, flash: SandboxServer, charlie: object
) -> None:
    from tests import cast

    other = Store.objects.exclude(pk=connected_store.pk).get()
    cast.wallet_give(other, flash)
    codes = [code_make(connected_store), code_make(other)]
    for code in codes:
        flash.phone_pay(code.bolt11)
    assert [payment_of(code).invoice.store_id for code in codes] == [connected_store.pk, other.pk]
    assert flash.api("GET", "/api/log")["sockets"] == 1


def test_a_push_that_comes_twice_is_credited_once(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    flash.switch(push_twice=True)
    first, second = code_make(connected_store), code_make(connected_store)
    flash.phone_pay(first.bolt11)
    payment_of(first)
    flash.phone_pay(second.bolt11)
    payment_of(second)
    assert Payment.objects.count() == 2
    assert Invoice.objects.get(pk=first.invoice_id).received_msat == first.amount_msat


def test_a_push_that_was_lost_is_found_by_the_poll(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    flash.switch(lose_push_every=1)
    code = code_listened_to(connected_store)
    flash.phone_pay(code.bolt11)
    assert lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6)) == 1
    assert payment_of(code).evidence == "poll"


def test_news_that_a_code_expired_has_it_asked_about_at_once(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    flash.switch(lose_push_every=1, invoice_life_s=5)
    code = code_listened_to(connected_store, now=timezone.now() - timedelta(seconds=15))
    asked_late(code)
    flash.phone_pay(code.bolt11)
    until(lambda: LightningInvoice.objects.filter(pk=code.pk, next_poll_at__lte=timezone.now()).exists())
    assert lightning_invoices_poll(api_url="") == 1
    assert payment_of(code).evidence == "poll"


def test_news_that_it_expired_changes_nothing_about_a_paid_code(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    code = code_make(connected_store)
    flash.phone_pay(code.bolt11)
    payment_of(code)
    check_soon(payment_hash=code.payment_hash)
    code.refresh_from_db()
    assert (code.state, code.next_poll_at, code.invoice.state) == ("paid", None, "Settled")


def test_what_another_service_says_about_a_code_is_not_believed(connected_store: Store, flash: SandboxServer) -> None:
    code = code_make(connected_store)
    assert not push_settle(payment_hash=code.payment_hash, socket="anonymous@ws://127.0.0.1:9/graphql")
    code.refresh_from_db()
    assert (code.state, code.invoice.state) == ("open", "New")
    assert not Payment.objects.exists()


def test_what_the_account_receives_besides_is_nobodys_payment(connected_store: Store, flash: SandboxServer) -> None:
    assert not push_settle(payment_hash="00" * 32, socket=f"anonymous@{flash.ws_url}")
    assert not Payment.objects.exists()
