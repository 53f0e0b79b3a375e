from __future__ import annotations

from typing import Any

import pytest

from flashpay.stores.models import Event, Store, User
from payouts.models import PayoutPolicy
from tests.api.conftest import Script, script_of
from tests.cast import member_add, user_make

DEFAULTS = {
    "minimumPolicy": "refuse",
    "feeCapBasisPoints": None,
    "strongEvidenceEnds": False,
    "reviewAfterSeconds": 1800,
    "secondReviewerAboveSat": None,
    "approveByHandAboveSat": None,
    "twoPeopleAboveSat": None,
    "paused": False,
}


@pytest.fixture
def path(store: Store) -> str:
    return f"/stores/{store.pk}/payout-policy"


def test_it_answers_the_defaults_of_a_store_that_changed_none(api: Script, path: str) -> None:
    assert api.get(path) == DEFAULTS


def test_it_sets_all_of_it_and_what_is_left_out_goes_back(api: Script, path: str) -> None:
    wanted = {
        "minimumPolicy": "collect",
        "feeCapBasisPoints": 50,
        "strongEvidenceEnds": True,
        "reviewAfterSeconds": 600,
        "secondReviewerAboveSat": 1_000_000,
        "approveByHandAboveSat": 100_000,
        "twoPeopleAboveSat": 500_000,
    }
    assert api.put(path, wanted) == wanted | {"paused": False}
    assert Event.objects.get(type="PayoutPolicyUpdated").actor.startswith("alice@example.com")
    assert api.put(path, {}) == DEFAULTS


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"minimumPolicy": "guess"}, "minimumPolicy"),
        ({"feeCapBasisPoints": 10_001}, "feeCapBasisPoints"),
        ({"reviewAfterSeconds": 5}, "reviewAfterSeconds"),
        ({"secondReviewerAboveSat": -1}, "secondReviewerAboveSat"),
        ({"approveByHandAboveSat": -1}, "approveByHandAboveSat"),
    ],
)
def test_it_refuses_an_unusable_field_by_its_path(api: Script, path: str, body: dict[str, Any], field: str) -> None:
    (refused,) = api.put(path, body, 422)
    assert refused["path"] == field
    assert not PayoutPolicy.objects.exists()


def test_it_pauses_and_resumes_the_store(api: Script, store: Store, path: str) -> None:
    assert api.post(f"{path}/pause")["paused"] is True
    store.refresh_from_db()
    assert store.payouts_paused
    assert api.post(f"{path}/resume")["paused"] is False


def test_who_may_not_changes_nothing(guest: Script, stranger: Script, store: Store, path: str) -> None:
    manager = user_make("mia")
    member_add(store, manager, "Manager")
    for script, status in ((guest, 403), (script_of(manager), 403), (stranger, 404)):
        script.put(path, {"feeCapBasisPoints": 1}, status)
        script.post(f"{path}/pause", status=status)
    store.refresh_from_db()
    assert not store.payouts_paused
    assert not PayoutPolicy.objects.exists()
    assert User.objects.exists()
    guest.get(path)
