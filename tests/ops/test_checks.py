"""Settings that are right one by one but not together."""

from __future__ import annotations

from typing import Any

import pytest

from flashpay import checks


def _ids(messages: list[Any]) -> list[str]:
    return [message.id for message in messages]


def test_it_wants_a_flash(settings: Any) -> None:
    assert checks.flash_is_named() == []
    settings.FLASH_API_URL = ""
    assert _ids(checks.flash_is_named()) == ["flashpay.E001"]


@pytest.mark.parametrize(
    ("url", "hosts", "found"),
    [
        ("https://pay.example.com", ["pay.example.com"], []),
        ("https://pay.example.com", [".example.com"], []),
        ("https://pay.example.com", ["*"], []),
        ("http://[::1]:8000", ["[::1]"], []),
        ("https://pay.example.com", ["shop.example.com"], ["flashpay.E002"]),
        ("https://evilexample.com", [".example.com"], ["flashpay.E002"]),
    ],
)
def test_it_wants_its_own_address_to_be_answered(settings: Any, url: str, hosts: list[str], found: list[str]) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = url, hosts
    assert _ids(checks.public_address_is_answered()) == found


@pytest.mark.parametrize(
    ("url", "sandbox", "found"),
    [
        ("http://pay.example.com", False, ["flashpay.W001"]),
        ("http://pay.example.com", True, []),
        ("https://pay.example.com", False, []),
        ("http://abcdefghijklmnop.onion", False, []),
    ],
)
def test_it_warns_of_addresses_that_wallets_refuse(settings: Any, url: str, sandbox: bool, found: list[str]) -> None:
    settings.PUBLIC_URL, settings.SANDBOX = url, sandbox
    assert _ids(checks.wallets_can_reach_it()) == found


def test_it_keeps_details_and_the_private_network_from_the_public(settings: Any) -> None:
    settings.DEBUG = settings.ALLOW_PRIVATE_DESTINATIONS = True
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert checks.details_stay_at_home() == checks.private_network_is_closed() == []
    settings.PUBLIC_URL = "https://pay.example.com"
    assert _ids(checks.details_stay_at_home()) == ["flashpay.E003"]
    assert _ids(checks.private_network_is_closed()) == ["flashpay.W002"]


def test_it_asks_for_the_proxy_behind_https(settings: Any) -> None:
    settings.PUBLIC_URL, settings.TRUSTED_PROXIES = "https://pay.example.com", []
    assert _ids(checks.proxies_are_named()) == ["flashpay.W003"]
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert checks.proxies_are_named() == []
