"""`manage.py doctor` shows what is in force and what does not answer."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from flashpay import heartbeat
from flashpay.management.commands.doctor import without_password
from tests.environment import free_port
from tests.sandbox_server import SandboxServer


def test_it_says_that_all_is_well(db: None, sandbox: SandboxServer) -> None:
    for name in heartbeat.NAMES:
        heartbeat.beat(name)
    said = io.StringIO()
    call_command("doctor", stdout=said)
    assert "All is well." in said.getvalue()
    assert sandbox.graphql_url in said.getvalue()


def test_it_names_everything_that_does_not_answer(db: None, settings: Any) -> None:
    settings.FLASH_API_URL = f"http://127.0.0.1:{free_port()}/graphql"
    said = io.StringIO()
    with pytest.raises(CommandError, match=r"\d of these need attention"):
        call_command("doctor", stdout=said)
    assert said.getvalue().count("no sign of life") == len(heartbeat.NAMES)
    assert "ok  database" in said.getvalue()


def test_it_shows_no_secret(db: None, settings: Any) -> None:
    settings.REDIS_URL = "redis://user:geheim@127.0.0.1:6379/0"
    said = io.StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", stdout=said)
    assert "geheim" not in said.getvalue()
    assert settings.SECRET_KEY not in said.getvalue()
    assert settings.FIELD_ENCRYPTION_KEYS[0] not in said.getvalue()
    assert without_password("redis://127.0.0.1/0") == "redis://127.0.0.1/0"
    assert without_password("redis://:x@host:1/0") == "redis://…@host:1/0"
