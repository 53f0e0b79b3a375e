"""An archived store can be read and not changed, and its owner brings it back."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.invoices.models import Invoice, LightningAddress
from flashpay.stores.models import Event, Store, User
from flashpay.stores.services import store_archive

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def test_nothing_in_it_is_changed_and_the_page_says_why(owner: Client, store: Store) -> None:
    store_archive(store=store, archived=True, actor="alice")
    for page, body in [
        ("/invoices/new", {"amount": "5", "currency": "SAT"}),
        ("/addresses", {"username": "cafe", "min": "1", "max": "1000", "comment_length": "0"}),
        ("/settings", {"name": "Other", "default_currency": "USD"}),
    ]:
        answer = owner.post(f"/stores/{store.pk}{page}", body, follow=True)
        assert answer.status_code == 200
        assert "Bring it back in its settings first" in answer.content.decode()
    assert not Invoice.objects.exists()
    assert not LightningAddress.objects.exists()
    store.refresh_from_db()
    assert store.name != "Other"


def test_its_pages_are_read_and_say_that_it_is_archived(owner: Client, store: Store) -> None:
    store_archive(store=store, archived=True, actor="alice")
    for page in ("", "/invoices", "/pull-payments", "/settings"):
        answer = owner.get(f"/stores/{store.pk}{page}")
        assert answer.status_code == 200
        assert "This store is archived." in answer.content.decode()


def test_its_owner_archives_it_and_brings_it_back(owner: Client, store: Store) -> None:
    assert "Archive the store" in owner.get(f"/stores/{store.pk}/settings").content.decode()
    owner.post(f"/stores/{store.pk}/settings/archive", {"archived": "1"})
    store.refresh_from_db()
    assert store.archived
    assert "Bring it back" in owner.get(f"/stores/{store.pk}/settings").content.decode()
    owner.post(f"/stores/{store.pk}/settings/archive", {"archived": "0"})
    store.refresh_from_db()
    assert not store.archived
    assert Event.objects.filter(type__in=["StoreArchived", "StoreUnarchived"]).count() == 2


def test_nobody_else_archives_it(client: Client, store: Store, bob: User, charlie: User) -> None:
    for person, status in ((bob, 403), (charlie, 404)):
        client.force_login(person)
        assert client.post(f"/stores/{store.pk}/settings/archive", {"archived": "1"}).status_code == status
    store.refresh_from_db()
    assert not store.archived


def test_a_person_who_was_locked_out_is_out_at_once(owner: Client, store: Store, alice: User) -> None:
    assert owner.get(f"/stores/{store.pk}").status_code == 200
    alice.is_active = False
    alice.save()
    answer = owner.get(f"/stores/{store.pk}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    owner.post(f"/stores/{store.pk}/settings/archive", {"archived": "1"})
    store.refresh_from_db()
    assert not store.archived
