"""`/readyz` is green when everything is there, and names what is not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from flashpay import heartbeat, live
from tests.environment import free_port


def test_it_shows_the_age_of_each_sign_of_life(client: Client, db: None) -> None:
    heartbeat.beat(heartbeat.WORKER, now=time.time() - 7)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    ages = answer.json()["heartbeat_age_s"]
    assert 7 <= ages["worker"] < 12
    assert ages["beat"] is ages["listener"] is None


def test_it_is_not_ready_without_the_processes_it_requires(client: Client, db: None, settings: Any) -> None:
    settings.READY_REQUIRES = ["worker", "listener"]
    heartbeat.beat(heartbeat.LISTENER)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["missing"] == ["worker"]
    heartbeat.beat(heartbeat.WORKER)
    assert client.get("/readyz").status_code == 200


def test_signs_of_life_fade(db: None) -> None:
    heartbeat.beat(heartbeat.BEAT)
    assert 0 < live.connection().ttl("flashpay:heartbeat:beat") <= heartbeat.LIFE_S
    heartbeat.forget()
    assert heartbeat.ages()["beat"] is None


def test_it_says_that_redis_is_away_and_still_answers(client: Client, db: None, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"] == "does not answer"
    assert answer.json()["checks"]["database"] == "ok"


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_nobody_needs_to_log_in_and_nothing_is_cached(client: Client, db: None, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert client.post(address).status_code == 405
