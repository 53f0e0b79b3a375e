from __future__ import annotations

import pytest

from flashpay.stores import permissions
from flashpay.stores.models import ApiKey, Store, User
from tests.api.conftest import Script, script_of


def test_it_describes_the_key_in_use_without_showing_it(api: Script, store: Store, alice: User) -> None:
    shown = api.get("/api-keys/current")
    assert shown["permissions"] == ["unrestricted"]
    assert shown["apiKey"] != api.key
    bound = script_of(alice, store, [permissions.VIEW_INVOICES]).get("/api-keys/current")
    assert bound["permissions"] == [f"{permissions.VIEW_INVOICES}:{store.pk}"]


def test_it_makes_a_key_that_works_and_is_shown_once(api: Script, store: Store) -> None:
    made = api.post("/api-keys", {"label": "Till", "permissions": [f"{permissions.VIEW_INVOICES}:{store.pk}"]})
    script = Script(made["apiKey"])
    script.get(f"/stores/{store.pk}/invoices")
    script.get(f"/stores/{store.pk}/payouts", 403)
    assert made["apiKey"] not in str(api.get("/api-keys"))
    assert {key["label"] for key in api.get("/api-keys")} == {"", "Till"}


def test_it_makes_an_unrestricted_key_only_where_that_is_asked_for(api: Script) -> None:
    Script(api.post("/api-keys", {"permissions": ["unrestricted"]})["apiKey"]).get("/api-keys")
    Script(api.post("/api-keys", {})["apiKey"]).get("/api-keys", 403)


@pytest.mark.parametrize("permission", ["btcpay.server.canmodifyserversettings", "x", "unrestricted:x", ":"])
def test_it_refuses_a_permission_that_does_not_exist(api: Script, permission: str) -> None:
    (refused,) = api.post("/api-keys", {"permissions": [permission]}, 422)
    assert refused["path"] == "permissions.0"
    assert ApiKey.objects.count() == 1


def test_it_refuses_a_key_for_somebody_elses_store(stranger: Script, store: Store) -> None:
    stranger.post("/api-keys", {"permissions": [f"{permissions.VIEW_STORE}:{store.pk}"]}, 422)
    assert ApiKey.objects.count() == 1


def test_it_wants_an_unrestricted_key_to_make_list_or_revoke_others(api: Script, store: Store, alice: User) -> None:
    script = script_of(alice, store)
    script.get("/api-keys", 403)
    script.post("/api-keys", {}, 403)
    script.delete(f"/api-keys/{api.get('/api-keys/current')['id']}", 403)
    assert ApiKey.objects.filter(revoked_at=None).count() == 2


@pytest.mark.parametrize("by_id", [True, False])
def test_it_revokes_a_key_by_its_id_or_by_itself(api: Script, by_id: bool) -> None:
    made = api.post("/api-keys", {"label": "Lost"})
    api.delete(f"/api-keys/{made['id'] if by_id else made['apiKey']}")
    Script(made["apiKey"]).get("/stores", 401)
    assert ApiKey.objects.get(label="Lost").revoked_at is not None


def test_it_revokes_no_key_of_somebody_else(api: Script, stranger: Script) -> None:
    theirs = api.get("/api-keys/current")["id"]
    assert stranger.delete(f"/api-keys/{theirs}", 404)["code"] == "apikey-not-found"
    api.get("/stores")
