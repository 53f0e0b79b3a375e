"""Where a Flash service lives and what opens it: endpoints, credentials, connection strings. No secret is ever shown."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Asks Flash for the USDT cash wallet itself instead of a façade that looks like the old USD wallet.
CAPABILITIES_HEADER = "X-Flash-Client-Capabilities"
CAPABILITIES = "cash-wallet-usdt-v1"

_API_KEY = re.compile(r"fk_[0-9a-f]{8}_[A-Za-z0-9_-]{16,128}")
# Flash schema, scalar Username; no name may begin as a Bitcoin address or an invoice does.
_USERNAME = re.compile(r"(?!(?:1|3|bc1|lnbc1))\w{3,50}")
# What may stand in a header: no blanks, no control characters, nothing that could begin a second header.
_BEARER = re.compile(r"[\x21-\x7e]{8,4096}")
# Flash schema, scalar AuthToken: Kratos tokens are 32 characters, or `ory_st_` and 32 more.
_TOKEN_LENGTHS = (32, 39)
_SESSION_PREFIX = "ory_st_"


class ConnectionStringWrong(ValueError):
    """What was pasted is no credential and no connection string; str() says why, without repeating it."""


@dataclass(frozen=True)
class Endpoint:
    """Flash's two addresses: GraphQL over HTTP, and GraphQL over WebSocket (another host at Flash)."""

    api_url: str
    ws_url: str


def _fingerprint(kind: str, secret: str) -> str:
    return hashlib.sha256(f"flashpay:{kind}:{secret}".encode()).hexdigest()[:24]


@dataclass(frozen=True)
class ApiKey:
    """`fk_…`: for servers, sent as X-API-KEY, over HTTP only."""

    key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-KEY": self.key}

    @property
    def fingerprint(self) -> str:
        """Tells credentials apart without telling what they are."""
        return _fingerprint("api_key", self.key)

    def __str__(self) -> str:
        # The eight hexadecimal digits are the key's public id, which Flash lists too.
        return f"API key {self.key[:11]}…" if _API_KEY.fullmatch(self.key) else "API key"


@dataclass(frozen=True)
class SessionToken:
    """`ory_st_…` or any bearer token: opens the whole account, over HTTP, over the socket, or both."""

    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def fingerprint(self) -> str:
        """Tells credentials apart without telling what they are."""
        return _fingerprint("session_token", self.token)

    def __str__(self) -> str:
        return "session token"


@dataclass(frozen=True)
class Username:
    """A Flash username: receives only, and holds no secret."""

    name: str

    @property
    def headers(self) -> dict[str, str]:
        return {}

    @property
    def fingerprint(self) -> str:
        return _fingerprint("username", self.name.lower())

    def __str__(self) -> str:
        return f"Flash username {self.name}"


Credential = ApiKey | SessionToken | Username


@dataclass(frozen=True)
class ConnectionString:
    credential: Credential
    api_url: str | None


def connection_string_parse(text: str) -> ConnectionString:
    """Read `type=flash;server=…;token=…`, `type=flash;api=…;api-token=…`, or a bare key, token or username.

    Raises ConnectionStringWrong with a sentence for the person who pasted it.
    """
    text = text.strip().strip("\"'").strip()
    if not text:
        raise ConnectionStringWrong("Paste an API key, a session token, a Flash username or a connection string.")
    if "=" in text and (";" in text or re.match(r"(type|server|api|token|api-token|username)\s*=", text, re.I)):
        return _parse_pairs(text)
    return ConnectionString(_parse_bare(text), None)


def _parse_pairs(text: str) -> ConnectionString:
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or name in pairs:
            raise ConnectionStringWrong("A connection string is made of name=value parts, each once, with ; between.")
        pairs[name] = value.strip()
    if pairs.pop("type", "flash").lower() != "flash":
        raise ConnectionStringWrong("This connection string is for another kind of wallet: its type is not flash.")
    servers = [pairs.pop(name) for name in ("server", "api", "endpoint") if name in pairs]
    secrets = [pairs.pop(name) for name in ("token", "api-token", "bearer") if name in pairs]
    usernames = [pairs.pop(name) for name in ("username",) if name in pairs]
    if len(servers) > 1 or len(secrets) + len(usernames) != 1:
        raise ConnectionStringWrong("A connection string needs one token (or one username) and at most one server.")
    if pairs:
        raise ConnectionStringWrong(f"This part of the connection string is not known: {sorted(pairs)[0][:40]}.")
    credential = _parse_secret(secrets[0]) if secrets else _parse_username(usernames[0])
    return ConnectionString(credential, _api_url(servers[0]) if servers else None)


def _parse_bare(text: str) -> Credential:
    text = re.sub(r"^bearer\s+", "", text, flags=re.I)
    if text.startswith(("fk_", _SESSION_PREFIX)) or len(text) in _TOKEN_LENGTHS or text.count(".") == 2:
        return _parse_secret(text)
    return _parse_username(text)


def _parse_secret(text: str) -> Credential:
    text = re.sub(r"^bearer\s+", "", text, flags=re.I)
    if text.startswith("fk_"):
        if not _API_KEY.fullmatch(text):
            raise ConnectionStringWrong("This looks like a Flash API key (fk_…), but a part of it is missing.")
        return ApiKey(text)
    if not _BEARER.fullmatch(text):
        raise ConnectionStringWrong("This token is too short, or it has characters in it that no token has.")
    return SessionToken(text)


def _parse_username(text: str) -> Username:
    # A Lightning Address at Flash begins with the username.
    name = text.partition("@")[0].lower()
    if not _USERNAME.fullmatch(name):
        raise ConnectionStringWrong(
            "This is neither an API key (fk_…), nor a session token (ory_st_…), nor a Flash username."
        )
    return Username(name)


def _api_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConnectionStringWrong("The server in this connection string is not a web address (https://…).")
    return parts._replace(path=parts.path if parts.path not in ("", "/") else "/graphql", fragment="").geturl()
