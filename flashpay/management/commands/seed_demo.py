"""`manage.py seed_demo`: a login and a store that is connected to the sandbox's demo account, to look around with."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from flashpay import embedded
from flashpay.refusals import Refusal
from flashpay.stores.models import Store, User
from flashpay.stores.selectors import stores_of, wallet_active
from flashpay.stores.services import store_create, wallet_connect

# ".test" is reserved for this (RFC 6761): no mail can ever reach anybody.
EMAIL = "demo@flashpay.test"
STORE = "Demo store"
_TIMEOUT_S = 10.0


class Command(BaseCommand):
    help = "Make the demo login and store of the sandbox, once; say its login every time."

    def handle(self, **options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError("The demo needs the sandbox, and FlashPay is set up for a real Flash. Nothing was made.")
        account = _demo_account()
        password = embedded.secret_kept(settings.DATA_DIR, "demo_password", _password)
        user = User.objects.filter(email=EMAIL).first() or User.objects.create_superuser(EMAIL, password)
        store = stores_of(user).first() or store_create(user=user, name=STORE)
        _wallet_connect(store, account)
        # A password that somebody changed is theirs, and not known here.
        shown = password if user.check_password(password) else "(as you have set it)"
        self.stdout.write(f"Demo login: {EMAIL}\nDemo password: {shown}")


def _password() -> str:
    return secrets.token_urlsafe(12)


def _wallet_connect(store: Store, account: dict[str, Any]) -> None:
    """Connect the sandbox's demo account; again only where the sandbox has a new one. A wallet of one's own stays."""
    connection = wallet_active(store)
    if connection is not None and (connection.secret == account["api_key"] or connection.api_url):
        return
    try:
        wallet_connect(store=store, connection_string=f"type=flash;token={account['api_key']}", actor="seed_demo")
    except Refusal as refusal:
        raise CommandError(f"The sandbox did not let the demo store in: {refusal.sentence}") from refusal


def _demo_account() -> dict[str, Any]:
    try:
        with httpx.Client(trust_env=False, timeout=_TIMEOUT_S) as client:
            answer = client.get(f"{settings.SANDBOX_URL}/api/demo").raise_for_status()
            account: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise CommandError(f"The sandbox does not answer at {settings.SANDBOX_URL}. Is it running?") from error
    return account
