from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from flashpay.stores.models import Store, User, WalletConnection
from tests.sandbox_server import SandboxServer


def _run() -> str:
    said = StringIO()
    call_command("seed_demo", stdout=said)
    return said.getvalue()


@pytest.mark.django_db
def test_it_makes_a_login_that_works_and_a_store_that_takes_money(sandbox: SandboxServer, client: Client) -> None:
    said = _run()
    login, password = (line.split(": ")[1] for line in said.splitlines())
    client.post("/accounts/login/", {"login": login, "password": password})
    assert client.get("/admin/").status_code == 200
    connection = WalletConnection.objects.get(is_active=True)
    assert connection.username == sandbox.api("GET", "/api/demo")["username"]
    assert connection.api_url == ""


@pytest.mark.django_db
def test_it_says_the_same_again_and_makes_nothing_twice(sandbox: SandboxServer) -> None:
    first = _run()
    assert _run() == first
    assert (User.objects.count(), Store.objects.count(), WalletConnection.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_it_does_not_claim_to_know_a_password_that_was_changed(sandbox: SandboxServer) -> None:
    _run()
    user = User.objects.get()
    user.set_password("my own secret")
    user.save()
    assert "as you have set it" in _run()
    user.refresh_from_db()
    assert user.check_password("my own secret")


@pytest.mark.django_db
def test_it_refuses_to_make_a_demo_beside_a_real_flash(settings: Any) -> None:
    settings.SANDBOX = False
    with pytest.raises(CommandError, match="Nothing was made"):
        _run()
    assert not User.objects.exists()


@pytest.mark.django_db
def test_it_says_so_when_the_sandbox_is_not_there_and_makes_nothing(settings: Any) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="Is it running"):
        _run()
    assert not User.objects.exists()
