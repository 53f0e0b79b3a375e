from __future__ import annotations

from collections.abc import Iterator

import pytest

from flashpay.flash import ApiKey, Endpoint, Flash
from tests.flash.loopback import Loopback, loopback

API_KEY = "fk_0a1b2c3d_" + "k" * 64
SESSION_TOKEN = "ory_st_" + "t" * 32


@pytest.fixture
def service() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def endpoint(service: Loopback) -> Endpoint:
    return Endpoint(service.url, service.url.replace("http", "ws", 1))


@pytest.fixture
def wallet(endpoint: Endpoint) -> Flash:
    return Flash(endpoint, ApiKey(API_KEY))
