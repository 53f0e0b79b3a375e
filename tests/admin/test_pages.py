from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from flashpay.invoices.models import Evidence, LightningInvoice, Purpose
from flashpay.invoices.services import payment_record
from flashpay.stores.models import ApiKey, Event, PaymentHash, User
from flashpay.stores.services import api_key_create
from payouts.models import AttemptEvidence, Payout, PayoutAttempt, WalletTransaction
from tests.admin.conftest import SECRET, Records

OURS = [model for model in apps.get_models() if model._meta.app_label in ("stores", "invoices", "payouts")]
SHOWN = [model for model in OURS if admin.site.is_registered(model)]
# They are changed elsewhere or by the person they belong to; all the others are records.
PEOPLE = {User}


@pytest.fixture
def everything(records: Records) -> Records:
    """One row of (nearly) every table, made by the services where there is one and by hand where it takes a wallet."""
    invoice, payout, now = records.invoice, records.payout, records.invoice.created_at
    code = LightningInvoice.objects.create(
        invoice=invoice,
        store_id=invoice.store_id,
        connection=records.connection,
        purpose=Purpose.CHECKOUT,
        bolt11="lnbcrt1example",
        payment_hash="ab" * 32,
        amount_msat=21_000_000,
        credit_msat=21_000_000,
        asked_cents=10,
        expires_at=invoice.expires_at,
        poll_until=invoice.monitoring_ends_at,
    )
    payment_record(lightning_invoice=code, evidence=Evidence.POLL)
    attempt = PayoutAttempt.objects.create(
        store_id=payout.store_id,
        payout=payout,
        number=1,
        connection=records.connection,
        wallet_id="wallet-1",
        bolt11=payout.destination,
        payment_hash="cd" * 32,
        amount_msat=payout.amount_msat,
        idempotency_key="key-1",
    )
    AttemptEvidence.objects.create(attempt=attempt, source="test", says="nothing", grade="hint", summary="Hint")
    WalletTransaction.objects.create(
        connection=records.connection, transaction_id="tx-1", direction="SEND", payment_hash="cd" * 32, at=now
    )
    return records


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model.__name__)
def test_it_shows_every_list_and_every_record(desk: Client, everything: Records, model: type) -> None:
    name = f"{model._meta.app_label}/{model._meta.model_name}"  # type: ignore[attr-defined]
    listed = desk.get(f"/admin/{name}/")
    assert listed.status_code == 200
    assert desk.get(f"/admin/{name}/?q=nothing-like-this").status_code == 200
    row = model._default_manager.first()  # type: ignore[attr-defined]
    if row is not None:
        assert desk.get(f"/admin/{name}/{row.pk}/change/").status_code == 200


@pytest.mark.parametrize("model", [model for model in SHOWN if model not in PEOPLE], ids=lambda model: model.__name__)
def test_it_offers_no_way_to_add_change_or_delete_a_record(desk: Client, everything: Records, model: type) -> None:
    name = f"{model._meta.app_label}/{model._meta.model_name}"  # type: ignore[attr-defined]
    row = model._default_manager.first()  # type: ignore[attr-defined]
    assert desk.get(f"/admin/{name}/add/").status_code == 403
    if row is None:
        return
    before = model._default_manager.filter(pk=row.pk).values().get()  # type: ignore[attr-defined]
    fields = dict.fromkeys((field.name for field in model._meta.fields), "5")  # type: ignore[attr-defined]
    assert desk.post(f"/admin/{name}/{row.pk}/change/", fields).status_code == 403
    assert desk.post(f"/admin/{name}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    desk.post(f"/admin/{name}/", {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert model._default_manager.filter(pk=row.pk).values().get() == before  # type: ignore[attr-defined]


def test_it_locks_people_out_and_never_deletes_them(desk: Client, alice: User) -> None:
    assert desk.post(f"/admin/stores/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=alice.pk).exists()


def test_it_adds_people_by_their_address(desk: Client) -> None:
    password = "another long pass phrase"
    desk.post("/admin/stores/user/add/", {"email": "New@Example.com", "password1": password, "password2": password})
    assert User.objects.get(email="new@example.com").check_password(password)


def test_it_never_shows_a_secret(desk: Client, everything: Records, alice: User) -> None:
    key, text = api_key_create(user=alice, label="till")
    pages = [
        "/admin/stores/walletconnection/",
        f"/admin/stores/walletconnection/{everything.connection.pk}/change/",
        f"/admin/stores/store/{everything.connection.store_id}/change/",
        "/admin/stores/apikey/",
        f"/admin/stores/apikey/{key.pk}/change/",
        f"/admin/payouts/pullpayment/{everything.pull_payment.pk}/change/",
    ]
    shown = "".join(desk.get(page).content.decode() for page in pages)
    for secret in (SECRET, "f" * 64, text, key.key_sha256, everything.pull_payment.lnurl_token):
        assert secret not in shown


def test_it_finds_a_record_by_whatever_a_person_may_have_of_it(desk: Client, everything: Records) -> None:
    invoice, payout, pull_payment = everything.invoice, everything.payout, everything.pull_payment
    own_hash = PaymentHash.objects.get(owner="payout").payment_hash
    for model, term, pk in [
        ("invoices/invoice", invoice.pk, invoice.pk),
        ("invoices/invoice", "ab" * 32, invoice.pk),
        ("invoices/invoice", "A-1", invoice.pk),
        ("payouts/payout", payout.pk, payout.pk),
        ("payouts/payout", "cd" * 32, payout.pk),
        ("payouts/payout", payout.destination, payout.pk),
        ("payouts/payout", payout.destination.upper(), payout.pk),
        ("payouts/payout", pull_payment.pk, payout.pk),
        ("payouts/pullpayment", pull_payment.pk, pull_payment.pk),
        ("payouts/pullpayment", pull_payment.lnurl_token, pull_payment.pk),
        ("stores/paymenthash", payout.destination, own_hash),
        ("stores/event", payout.pk, payout.pk),
    ]:
        assert pk in desk.get(f"/admin/{model}/", {"q": term}).content.decode(), (model, term)


def test_it_links_an_event_to_its_record(desk: Client, everything: Records) -> None:
    event = Event.objects.get(type="PayoutCreated")
    assert f"/admin/payouts/payout/{event.entity_id}/change/" in desk.get("/admin/stores/event/").content.decode()


def test_it_tells_a_records_history_with_names(desk: Client, everything: Records) -> None:
    shown = desk.get(f"/admin/invoices/invoice/{everything.invoice.pk}/change/").content.decode()
    for word in ("InvoiceCreated", "InvoiceReceivedPayment", "InvoiceSettled", "21,000"):
        assert word in shown


def test_it_sends_strangers_to_the_one_login_and_merchants_away(client: Client, alice: User) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/")
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/admin/", follow=True).status_code == 403
    assert client.get("/admin/payouts/payout/", follow=True).status_code == 403


def test_it_leaves_the_tables_alone_when_pages_are_read(desk: Client, everything: Records) -> None:
    counts = (Payout.objects.count(), ApiKey.objects.count(), Event.objects.count())
    for model in ("payouts/payout", "stores/event"):
        desk.get(f"/admin/{model}/")
    assert (Payout.objects.count(), ApiKey.objects.count(), Event.objects.count()) == counts
