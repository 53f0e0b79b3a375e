"""Who is calling: API keys and session tokens over HTTP, session tokens on the socket."""

from dataclasses import dataclass
from typing import Literal

from flashpay.sandbox.accounts import Account, Accounts
from flashpay.sandbox.graph.call import CredentialKind


@dataclass(frozen=True)
class Caller:
    kind: CredentialKind
    account: Account | None


NOBODY = Caller("none", None)


def caller_of_http(accounts: Accounts, *, authorization: str, api_key: str, world: Literal["a", "b"]) -> Caller | None:
    """The caller, NOBODY without a credential, or None for a credential that is refused outright (401).

    An empty credential counts as none. In world a every bearer is refused over HTTP.
    """
    scheme, _, token = authorization.partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    if token:
        account = accounts.by_session_token(token) if world == "b" else None
        return Caller("session", account) if account else None
    if api_key.strip():
        account = accounts.by_api_key(api_key.strip())
        return Caller("key", account) if account else None
    return NOBODY


def caller_of_socket(accounts: Accounts, authorization: object) -> Caller | None:
    """The caller of a socket's `connection_init`; None for a token that opens nothing."""
    if not isinstance(authorization, str) or not authorization:
        return NOBODY
    # Flash cuts off the first seven characters, "Bearer ", whatever they are.
    account = accounts.by_session_token(authorization[7:])
    return Caller("session", account) if account else None
