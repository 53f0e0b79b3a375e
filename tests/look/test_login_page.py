from __future__ import annotations

import pytest
from django.test import Client

from flashpay.stores.models import User

pytestmark = pytest.mark.django_db


def test_the_way_to_a_new_password_stands_there_once(client: Client, alice: User) -> None:
    asked = client.get("/accounts/login/").content.decode()
    wrong = client.post("/accounts/login/", {"login": alice.email, "password": "not hers"}).content.decode()
    for page in (asked, wrong):
        assert page.count("Forgot your password?") == 1


def test_the_admin_has_the_projects_icon(client: Client) -> None:
    ada = User.objects.create_superuser("ada@example.com", "a long pass phrase")
    client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get("/admin/").content.decode()
    assert 'rel="icon"' in page
    assert "img/icon.svg" in page
