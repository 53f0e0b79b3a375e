"""A script that talks to the API as Alice, as others, or without a key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from flashpay.stores.models import Store, User
from flashpay.stores.services import api_key_create, wallet_connect
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer


@dataclass
class Script:
    """Sends JSON with one key (or none) and answers (status, JSON)."""

    key: str = ""
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def ask(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Any:
        if self.key:
            headers.setdefault("Authorization", f"token {self.key}")
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(method, f"/api/v1{path}", content, "application/json", headers=headers)

    def get(self, path: str, status: int = 200) -> Any:
        return self._checked(self.ask("GET", path), status)

    def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        return self._checked(self.ask("POST", path, body, **headers), status)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self._checked(self.ask("PUT", path, body), status)

    def delete(self, path: str, status: int = 200) -> Any:
        return self._checked(self.ask("DELETE", path), status)

    def upload(self, path: str, data: bytes, field: str = "file") -> Any:
        """The answer to a file, sent as a form sends files."""
        content = {field: SimpleUploadedFile("picture.png", data)}
        headers = {"Authorization": f"token {self.key}"} if self.key else {}
        return self.client.post(f"/api/v1{path}", content, headers=headers)

    @staticmethod
    def _checked(response: Any, status: int) -> Any:
        assert response.status_code == status, (response.status_code, response.content)
        return response.json() if response.content else None


def script_of(user: User, store: Store | None = None, allowed: list[str] | None = None) -> Script:
    return Script(api_key_create(user=user, store=store, allowed=allowed)[1])


@pytest.fixture
def api(alice: User) -> Script:
    """Alice's script, with a key for everything she may."""
    return script_of(alice)


@pytest.fixture
def stranger(charlie: User) -> Script:
    return script_of(charlie)


@pytest.fixture
def anybody(db: None) -> Script:
    """Without a key."""
    return Script()


@pytest.fixture
def guest(store: Store) -> Script:
    """Somebody who may look at Alice's store and change nothing."""
    person = user_make("gwen")
    member_add(store, person, "Guest")
    return script_of(person)


@pytest.fixture
def account(sandbox: SandboxServer) -> dict[str, Any]:
    """A fresh account with 1000 dollars at the sandbox Flash."""
    return sandbox.account(balance_cents=100_000)


@pytest.fixture
def connection_string(account: dict[str, Any]) -> str:
    return f"type=flash;server={account['api_url']};token={account['api_key']}"


@pytest.fixture
def paying_store(store: Store, connection_string: str) -> Store:
    """Alice's store with a wallet that takes and pays out."""
    wallet_connect(store=store, connection_string=connection_string, actor="alice")
    return store
