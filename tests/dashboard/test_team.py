"""The team page: people are added, given another role and removed; a store is never without an owner."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client

from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Membership, Store, User
from flashpay.stores.team import member_add, member_remove, member_role_change
from tests.cast import member_add as member_put
from tests.cast import user_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def member(store: Store, name: str) -> Membership:
    return Membership.objects.select_related("user", "store").get(store=store, user__email=f"{name}@example.com")


def test_somebody_new_is_invited_and_chooses_a_password(owner: Client, store: Store) -> None:
    answer = owner.post(f"/stores/{store.pk}/team", {"email": "Dora@Example.com", "role": "Cashier"})
    assert answer.status_code == 302
    assert member(store, "dora").role == "Cashier"
    (message,) = mail.outbox
    assert message.to == ["dora@example.com"]
    assert store.name in message.subject
    (link,) = re.findall(r"https?://\S+/key/\S+", message.body)
    path = "/" + link.split("/", 3)[3]

    dora = Client()
    form = dora.get(path, follow=True)
    assert "Choose a new password" in form.content.decode()
    chosen = {"password1": "horse staple battery correct", "password2": "horse staple battery correct"}
    dora.post(form.redirect_chain[-1][0], chosen)
    dora.post("/accounts/login/", {"login": "dora@example.com", "password": chosen["password1"]})
    assert dora.get("/")["Location"] == "/till"
    # It works once.
    assert "does not work any more" in Client().get(path, follow=True).content.decode()


def test_somebody_who_has_an_account_is_added_without_a_new_password(
    owner: Client, store: Store, charlie: User
) -> None:
    before = charlie.password
    owner.post(f"/stores/{store.pk}/team", {"email": charlie.email, "role": "Employee"})
    charlie.refresh_from_db()
    assert charlie.password == before
    assert member(store, "charlie").role == "Employee"
    assert "/key/" not in mail.outbox[0].body
    assert "/key/" not in owner.get(f"/stores/{store.pk}/team").content.decode()


def test_the_invitation_stands_on_the_page_until_it_is_used(owner: Client, store: Store) -> None:
    owner.post(f"/stores/{store.pk}/team", {"email": "dora@example.com", "role": "Cashier"})
    page = owner.get(f"/stores/{store.pk}/team")
    assert "/accounts/password/reset/key/" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    dora = member(store, "dora").user
    dora.set_password("horse staple battery correct")
    dora.save()
    assert "/accounts/password/reset/key/" not in owner.get(f"/stores/{store.pk}/team").content.decode()


def test_an_invitation_opens_no_other_store(owner: Client, store: Store, charlie: User) -> None:
    """Whoever holds the link becomes that person; a second store must not hand it out."""
    owner.post(f"/stores/{store.pk}/team", {"email": "dora@example.com", "role": "Manager"})
    kiosk = Store.objects.get(name="Charlie's kiosk")
    other = Client()
    other.force_login(charlie)
    other.post(f"/stores/{kiosk.pk}/team", {"email": "dora@example.com", "role": "Cashier"})
    assert "/accounts/password/reset/key/" not in other.get(f"/stores/{kiosk.pk}/team").content.decode()


@pytest.mark.parametrize(
    "form",
    [
        {"email": "no address", "role": "Cashier"},
        {"email": "dora@example.com", "role": "Emperor"},
        {"email": "", "role": "Cashier"},
        {"email": "alice@example.com", "role": "Cashier"},
    ],
)
def test_an_unusable_wish_changes_nothing(owner: Client, store: Store, form: dict[str, str]) -> None:
    assert owner.post(f"/stores/{store.pk}/team", form).status_code == 422
    assert member(store, "alice").role == "Owner"
    assert Membership.objects.count() == 1
    assert User.objects.count() == 1
    assert not mail.outbox


def test_a_role_is_changed_on_record_and_holds_at_once(owner: Client, store: Store, bob: User) -> None:
    theirs = Client()
    theirs.force_login(bob)
    assert theirs.get(f"/stores/{store.pk}/invoices").status_code == 403
    owner.post(f"/stores/{store.pk}/team/{member(store, 'bob').pk}/role", {"role": "Employee"})
    assert theirs.get(f"/stores/{store.pk}/invoices").status_code == 200
    event = Event.objects.get(type="MemberRoleChanged")
    assert (event.before, event.after, event.actor) == ("Cashier", "Employee", "alice@example.com")
    assert event.evidence == {"user": "bob@example.com"}


def test_a_removed_person_finds_no_such_store_any_more(owner: Client, store: Store, bob: User) -> None:
    theirs = Client()
    theirs.force_login(bob)
    owner.post(f"/stores/{store.pk}/team/{member(store, 'bob').pk}/remove")
    assert theirs.get(f"/stores/{store.pk}/invoices").status_code == 404
    assert Event.objects.get(type="MemberRemoved").before == "Cashier"
    assert User.objects.filter(pk=bob.pk).exists()


def test_the_last_owner_stays(owner: Client, store: Store, alice: User) -> None:
    mine = member(store, "alice")
    answer = owner.post(f"/stores/{store.pk}/team/{mine.pk}/role", {"role": "Guest"}, follow=True)
    assert "last owner" in answer.content.decode()
    owner.post(f"/stores/{store.pk}/team/{mine.pk}/remove")
    assert member(store, "alice").role == "Owner"
    assert not Event.objects.filter(type__in=["MemberRoleChanged", "MemberRemoved"]).exists()


def test_somebody_who_never_came_counts_for_no_owner(store: Store) -> None:
    member_add(store=store, email="dora@example.com", role="Owner", actor="alice")
    with pytest.raises(Refusal, match="last owner"):
        member_remove(member=member(store, "alice"), actor="alice")
    assert member(store, "alice").role == "Owner"


def test_an_owner_may_step_down_when_there_is_another(store: Store) -> None:
    member_put(store, user_make("dora"), "Owner")
    member_role_change(member=member(store, "alice"), role="Guest", actor="alice")
    with pytest.raises(Refusal, match="last owner"):
        member_role_change(member=member(store, "dora"), role="Guest", actor="dora")
    assert (member(store, "alice").role, member(store, "dora").role) == ("Guest", "Owner")


@pytest.mark.parametrize("role", ["Manager", "Employee", "Cashier", "Guest"])
def test_only_an_owner_has_the_team_page(client: Client, store: Store, role: str) -> None:
    person = user_make("mia")
    member_put(store, person, role)
    client.force_login(person)
    mine = member(store, "mia")
    assert client.get(f"/stores/{store.pk}/team").status_code == 403
    assert client.post(f"/stores/{store.pk}/team", {"email": "x@example.com", "role": "Owner"}).status_code == 403
    assert client.post(f"/stores/{store.pk}/team/{mine.pk}/role", {"role": "Owner"}).status_code == 403
    assert member(store, "mia").role == role


def test_another_stores_people_are_not_found(owner: Client, store: Store, charlie: User) -> None:
    theirs = Membership.objects.get(user=charlie)
    assert owner.post(f"/stores/{store.pk}/team/{theirs.pk}/remove").status_code == 404
    assert Membership.objects.filter(pk=theirs.pk).exists()
