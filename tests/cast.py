"""The people of the tests. Alice owns the store, Bob works its till, Charlie has nothing to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flashpay.stores.models import Store, User, WalletConnection
    from tests.sandbox_server import SandboxServer

PASSWORD = "correct horse battery staple"


def user_make(name: str) -> User:
    """A person with the address `name`@example.com and the password PASSWORD."""
    from flashpay.stores.models import User

    return User.objects.create_user(f"{name}@example.com", PASSWORD, first_name=name.capitalize())


def store_make(owner: User, *, name: str = "Alice's café", default_currency: str = "USD") -> Store:
    """A store without a wallet, owned by `owner`."""
    from flashpay.stores.services import store_create

    return store_create(user=owner, name=name, default_currency=default_currency)


def member_add(store: Store, user: User, role: str) -> None:
    """Give `user` a place in `store`; `role` is a value of `flashpay.stores.models.Role`."""
    from flashpay.stores.models import Membership

    Membership.objects.create(store=store, user=user, role=role)


def wallet_give(store: Store, sandbox: SandboxServer, **account: Any) -> WalletConnection:
    """Open an account at the sandbox (`account`: what `SandboxServer.account` takes) and connect `store` to it by API key."""
    from flashpay.stores.services import wallet_connect

    opened = sandbox.account(**account)
    connection_string = f"type=flash;server={sandbox.graphql_url};token={opened['api_key']}"
    return wallet_connect(store=store, connection_string=connection_string, actor="alice@example.com")
