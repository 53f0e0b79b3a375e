from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flashpay.stores import permissions
from flashpay.stores.models import ApiKey, Store, User
from tests.api.conftest import Script, script_of
from tests.cast import member_add, user_make

CLOSED = [
    ("GET", "/stores"),
    ("POST", "/stores"),
    ("GET", "/stores/x"),
    ("PUT", "/stores/x/payment-methods/BTC-LN"),
    ("POST", "/stores/x/invoices"),
    ("GET", "/invoices/x"),
    ("POST", "/stores/x/pull-payments"),
    ("DELETE", "/pull-payments/x"),
    ("GET", "/stores/x/payouts"),
    ("POST", "/payouts/x"),
    ("GET", "/api-keys/current"),
    ("GET", "/users/me"),
    ("GET", "/server/info"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_it_wants_a_key(anybody: Script, method: str, path: str) -> None:
    answer = anybody.ask(method, path, {})
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize(
    "header", ["token", "token ", "token wrong", "Bearer {key}", "{key}", "token {key}x", "Basic {key}"]
)
def test_it_wants_the_key_as_it_is_meant_to_be_sent(api: Script, header: str) -> None:
    assert api.ask("GET", "/stores", Authorization=header.format(key=api.key)).status_code == 401


def test_it_takes_the_scheme_in_any_case(api: Script) -> None:
    assert api.ask("GET", "/stores", Authorization=f"Token {api.key}").status_code == 200


def test_it_refuses_a_revoked_key(api: Script) -> None:
    api.delete("/api-keys/current")
    api.get("/stores", 401)
    assert ApiKey.objects.get().revoked_at is not None


def test_it_refuses_the_key_of_a_person_who_was_locked_out(api: Script, alice: User) -> None:
    alice.is_active = False
    alice.save()
    api.get("/stores", 401)


def test_it_remembers_when_a_key_was_used(api: Script) -> None:
    assert api.get("/api-keys/current")["lastUsedTime"] is None
    assert api.get("/api-keys/current")["lastUsedTime"] is not None


def test_it_does_not_let_a_login_in_a_browser_stand_in_for_a_key(anybody: Script, alice: User) -> None:
    anybody.client.force_login(alice)
    anybody.get("/stores", 401)


def test_it_names_the_permission_that_a_role_lacks(store: Store, bob: User) -> None:
    till = script_of(bob)
    refused = till.get(f"/stores/{store.pk}", 403)
    assert refused["code"] == "missing-permission"
    assert refused["missingPermission"] == permissions.VIEW_STORE


def test_it_names_the_permission_that_a_key_lacks(store: Store, alice: User) -> None:
    script = script_of(alice, allowed=[permissions.VIEW_INVOICES])
    script.get(f"/stores/{store.pk}/invoices")
    refused = script.post(f"/stores/{store.pk}/invoices", {"amount": "1", "currency": "SAT"}, 403)
    assert refused["missingPermission"] == permissions.CREATE_INVOICE
    assert not store.invoices.exists()


def test_it_never_allows_a_key_more_than_its_owner_may(store: Store) -> None:
    gwen = user_make("gwen")
    member_add(store, gwen, "Guest")
    script_of(gwen).put(f"/stores/{store.pk}", {"name": "Gwen's"}, 403)
    store.refresh_from_db()
    assert store.name == "Alice's café"


@pytest.mark.parametrize(
    ("held", "path"),
    [
        (permissions.MODIFY_INVOICES, "invoices"),
        (permissions.VIEW_STORE, "invoices"),
        (permissions.MODIFY_STORE, "payouts"),
        (permissions.MANAGE_PULL_PAYMENTS, "pull-payments"),
        (permissions.MANAGE_PAYOUTS, "payouts"),
    ],
)
def test_it_takes_a_permission_for_all_that_it_includes(store: Store, alice: User, held: str, path: str) -> None:
    script_of(alice, allowed=[held]).get(f"/stores/{store.pk}/{path}")


def test_it_keeps_a_permission_to_the_store_that_it_was_given_for(store: Store, alice: User, api: Script) -> None:
    other = api.post("/stores", {"name": "Another"})["id"]
    script = script_of(alice, allowed=[f"{permissions.VIEW_STORE}:{store.pk}"])
    script.get(f"/stores/{store.pk}")
    script.get(f"/stores/{other}", 403)
    assert [shop["id"] for shop in script.get("/stores")] == [store.pk]


def test_one_request_asks_for_the_caller_s_place_in_a_store_once(api: Script, store: Store) -> None:
    with CaptureQueriesContext(connection) as asked:
        api.get(f"/stores/{store.pk}/recipients")
    assert sum("membership" in query["sql"] for query in asked) == 1
