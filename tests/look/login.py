"""Being logged in at a real web process, without its log in page: tests hash passwords in another way than it does."""

from __future__ import annotations

from django.test import Client

from flashpay.stores.models import User


def cookies_of(user: User) -> dict[str, str]:
    """The cookies of a fresh session of this person."""
    client = Client()
    client.force_login(user)
    return {"sessionid": client.cookies["sessionid"].value}
