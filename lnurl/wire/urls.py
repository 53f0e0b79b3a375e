"""The URLs a Lightning service may have: one strict grammar for what we fetch and what we hand out (P1, P2, S-01.2).

Absolute ``https``, a host with a name, no user-info, no backslash, no white space. ``http`` is for ``.onion`` names and for
loopback alone, and both are only accepted where the caller says so. Whether a name leads to a public address is not decided
here but at the moment of connecting (``guard.py``).
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from lnurl.wire.errors import DestinationRefused

MAX_URL = 2000  # characters; browsers and proxies start to fail above
HTTPS_PORT = 443

HostKind = Literal["name", "onion", "loopback"]

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:/[^#]*)?(?:\?[^#]*)?)(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
# White space, control characters and the backslash, which some readers take for a slash (https://evil\@shop.example).
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SAFE_IN_TARGET = "!$&'()*+,;=:@/?%~-._[]"

_SENTENCES = {
    "url": "This is not the address of a Lightning service. Nothing was sent. Please copy it again.",
    "url_too_long": "This address is too long. Nothing was sent. Please copy it again.",
    "user_info": "This address carries a name or password before the host, which Lightning services never need. "
    "Nothing was sent. Please ask for another one.",
    "not_https": "This address is not protected by https. Nothing was sent. Please ask the recipient for an https address.",
    "ip_literal": "This address names a computer by number. Nothing was sent. Please ask for an address with a name.",
    "local_name": "This address is inside a private network. Nothing was sent. Please ask for a public address.",
    "onion": "This address is in the Tor network, which is not switched on here. Nothing was sent. "
    "Please ask for an https address.",
    "port": "This address uses a port that is not used for Lightning services. Nothing was sent. Please ask for another one.",
}


@dataclass(frozen=True, slots=True)
class ServiceUrl:
    """A URL that passed the grammar. ``target`` is path and query, percent-encoded; ``host`` is lower-case."""

    scheme: Literal["https", "http"]
    host: str
    port: int
    target: str
    kind: HostKind

    @property
    def authority(self) -> str:
        """Host and, where it is not the scheme's own, port: the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def service_url(text: str, *, allow_loopback: bool = False, allow_onion: bool = False) -> ServiceUrl:
    """Read the URL of a Lightning service. Raises ``DestinationRefused`` with the reason; a fragment is dropped."""
    if len(text) > MAX_URL:
        raise _refused("url_too_long")
    if _FORBIDDEN.search(text):
        raise _refused("url")
    found = _URL.fullmatch(text)
    if found is None:
        authority = re.match(r"[a-z]+://([^/?#]*)", text, re.IGNORECASE)
        raise _refused("user_info" if authority and "@" in authority[1] else "url")
    scheme: Literal["https", "http"] = "https" if found["scheme"].lower() == "https" else "http"
    host = found["host"].lower().strip("[]").removesuffix(".")
    kind = host_kind(host)
    if kind == "loopback" and not allow_loopback:
        raise _refused("local_name")
    if kind == "onion" and not allow_onion:
        raise _refused("onion")
    if kind == "name" and scheme != "https":
        raise _refused("not_https")
    port = int(found["port"]) if found["port"] else _default_port(scheme)
    if not _port_is_usable(port, kind):
        raise _refused("port")
    target = quote(found["target"], safe=_SAFE_IN_TARGET)
    return ServiceUrl(scheme, host, port, target if target.startswith("/") else f"/{target}", kind)


def host_kind(host: str) -> HostKind:
    """Say what a lower-case host is. Raises ``DestinationRefused`` for what is no public name, onion name or loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if address.is_loopback:
            return "loopback"
        raise _refused("ip_literal")
    if host == "localhost":
        return "loopback"
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused("url")
    # A last label of digits only (or 0x…) makes resolvers read the whole as a number: 127.1, 0x7f.1, 2130706433.
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        raise _refused("ip_literal")
    if len(labels) < 2:
        raise _refused("local_name")
    return "onion" if labels[-1] == "onion" else "name"


def with_query(url: ServiceUrl, parameters: dict[str, str]) -> ServiceUrl:
    """Append query parameters to whatever query the URL has already (K-03.2), percent-encoding the values (K-12.1)."""
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in parameters.items())
    joint = "" if url.target.endswith(("?", "&")) else "&" if "?" in url.target else "?"
    return ServiceUrl(url.scheme, url.host, url.port, f"{url.target}{joint}{query}", url.kind)


def _default_port(scheme: str) -> int:
    return HTTPS_PORT if scheme == "https" else 80


def _port_is_usable(port: int, kind: HostKind) -> bool:
    # Below 1024 live mail, directory and login services, which must not be prodded in our name.
    if kind == "name":
        return port == HTTPS_PORT or 1024 <= port <= 65535
    return 0 < port <= 65535


def _refused(code: str) -> DestinationRefused:
    return DestinationRefused(code, _SENTENCES[code])
