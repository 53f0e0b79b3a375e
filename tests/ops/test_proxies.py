"""The visitor's address behind proxies, trusted and not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flashpay.proxies import address_settle

PROXIES = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the first was written by the visitor
        ("127.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
    ],
)
def test_it_believes_trusted_proxies_alone(settings: Any, peer: str, forwarded: str, visitor: str) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    address_settle(meta)
    assert meta["REMOTE_ADDR"] == visitor


def test_it_forgets_what_a_stranger_claims(settings: Any) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    meta = {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}
    address_settle(meta)
    assert meta == {"REMOTE_ADDR": "192.0.2.7"}


def test_it_trusts_nobody_by_default(client: Client) -> None:
    response = client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.9"}, REMOTE_ADDR="192.0.2.7")
    assert response.wsgi_request.META["REMOTE_ADDR"] == "192.0.2.7"
