"""A connection string may name a server, and not any server: the request comes from inside the operator's network."""

from __future__ import annotations

from typing import Any

import pytest

from flashpay.refusals import Refusal
from flashpay.stores.connecting import connection_string_read, wallet_connect
from flashpay.stores.models import Store, WalletConnection

KEY = "fk_00000000_" + "x" * 64


def _string(server: str) -> str:
    return f"type=flash;server={server};token={KEY}"


@pytest.mark.parametrize(
    "server",
    [
        "http://10.0.0.5/graphql",
        "http://169.254.169.254/graphql",
        "https://example.com/graphql",
        "http://api.flashapp.me/graphql",
        "https://api.flashapp.me.example.com/graphql",
        "https://notflashapp.me/graphql",
        "http://127.0.0.1:6379/graphql",
        "http://localhost/graphql",
    ],
)
@pytest.mark.django_db
def test_it_refuses_servers_that_are_not_flash(store: Store, settings: Any, server: str) -> None:
    settings.SANDBOX, settings.ALLOW_PRIVATE_DESTINATIONS = False, False
    settings.FLASH_API_URL = "https://api.flashapp.me/graphql"
    with pytest.raises(Refusal, match="FLASH_SERVERS"):
        wallet_connect(store=store, connection_string=_string(server), actor="alice")
    assert not WalletConnection.objects.exists()


@pytest.mark.parametrize(
    "server", ["https://api.test.flashapp.me/graphql", "https://flash.example/graphql", "http://10.9.8.7:4002/graphql"]
)
def test_it_takes_flash_what_is_configured_and_what_was_added(settings: Any, server: str) -> None:
    settings.SANDBOX, settings.ALLOW_PRIVATE_DESTINATIONS = False, False
    settings.FLASH_API_URL, settings.FLASH_SERVERS = "http://10.9.8.7:4002/graphql", ["flash.example"]
    assert connection_string_read(connection_string=_string(server)).endpoint.api_url == server
