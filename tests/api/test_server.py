from __future__ import annotations

from flashpay.version import VERSION
from tests.api.conftest import Script


def test_it_tells_its_version(api: Script) -> None:
    info = api.get("/server/info")
    assert (info["version"], info["supportedPaymentMethods"], info["fullySynched"]) == (VERSION, ["BTC-LN"], True)


def test_it_tells_who_the_keys_owner_is(api: Script) -> None:
    me = api.get("/users/me")
    assert (me["email"], me["name"], me["roles"]) == ("alice@example.com", "Alice", [])


def test_it_answers_anybody_that_it_lives(anybody: Script) -> None:
    assert anybody.get("/health") == {"synchronized": True}
