"""The ground the other tests stand on."""

from __future__ import annotations

import os
import socket

import pytest
import redis
from django.conf import settings
from django.db import connection

from tests import environment


def test_it_keeps_the_network_away_from_tests() -> None:
    with pytest.raises(environment.NetworkForbiddenError), socket.socket() as sock:
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(environment.NetworkForbiddenError):
        socket.getaddrinfo("flashpay.example.org", 443)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nobody.invalid", 443)


def test_it_gives_each_process_a_redis_of_its_own() -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    assert client.dbsize() == 0
    client.set("mark", "here")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    assert settings.REDIS_URL.endswith(f"/{int(worker.removeprefix('gw')) + 1 if worker else 0}")


def test_it_runs_on_the_database_that_was_asked_for(db: None) -> None:
    assert connection.vendor == ("sqlite" if environment.ON_SQLITE else "postgresql")
    assert "test" in str(connection.settings_dict["NAME"])


@pytest.mark.postgres
def test_it_has_a_real_postgresql_for_the_race_tests(db: None) -> None:
    assert connection.vendor == "postgresql"
