"""Connections that cannot be led into a private network (P3, section 4.2 of the LNURL facts).

The check stands where the connection is made: every address a name resolves to is judged, and the socket is opened to one
of the judged addresses, not to the name. An answer of DNS that changes between check and connection changes nothing, because
there is no second look-up. Built on ``httpcore``, the layer under httpx, whose network back end is meant to be replaced: at
this level nothing follows redirects, reads proxies from the environment, or unpacks what comes in.
"""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

import httpcore

from lnurl.wire.errors import DestinationRefused, ServiceUnreachable
from lnurl.wire.urls import host_kind

Address = tuple[str, int]  # IP address and port

_MAX_ATTEMPTS = 3  # addresses tried one after the other before giving up

# IANA's special-purpose registries, and multicast. Python's `is_global` calls several of these public.
_REFUSED_IPV4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# Only global unicast is allowed at all; that leaves out loopback, link-local, unique local, multicast, IPv4-mapped
# (::ffff:0:0/96) and NAT64 (64:ff9b::/96 and 64:ff9b:1::/48). From it come off Teredo and its neighbours, documentation, 6to4.
_ALLOWED_IPV6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_IPV6 = [ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]

_PRIVATE = (
    "private_address",
    "This address leads into a private network. Nothing was sent. Please ask for a public address.",
)
_NOT_FOUND = (
    "name_not_found",
    "The recipient's Lightning service was not found. Nothing was sent. Please check the address.",
)
_NO_CONNECTION = (
    "no_connection",
    "The recipient's Lightning service cannot be reached. Nothing was sent. Please try again later.",
)
_TOO_SLOW = (
    "too_slow",
    "The recipient's Lightning service took too long to answer. Nothing was sent. Please try again later.",
)


def address_is_public(text: str) -> bool:
    """Say whether an IP address may be connected to: global unicast, and no way round to another network."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    return address in _ALLOWED_IPV6 and not any(address in network for network in _REFUSED_IPV6)


def addresses_judge(addresses: Iterable[Address], *, allow_loopback: bool) -> list[Address]:
    """Return the addresses if every one of them may be connected to. Raises ``DestinationRefused`` if any may not.

    One private address among public ones is refused too: it is how a name is made to lead inside on the second try.
    """
    judged = list(addresses)
    for ip, _ in judged:
        if not address_is_public(ip) and not (allow_loopback and _is_loopback(ip)):
            raise DestinationRefused(*_PRIVATE)
    return judged


def system_lookup(host: str, port: int) -> list[Address]:
    """Ask the operating system for all IPv4 and IPv6 addresses of a name. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(sockaddr[0]), int(sockaddr[1])) for *_, sockaddr in found))


@dataclass(slots=True)
class Deadline:
    """One end for a whole exchange: name, connection, TLS and every byte of the answer (P5)."""

    ends_at: float
    clock: Callable[[], float]

    def remaining_s(self) -> float:
        """Seconds left, more than zero. Raises ``ServiceUnreachable`` when there are none."""
        left = self.ends_at - self.clock()
        if left <= 0:
            raise ServiceUnreachable(*_TOO_SLOW)
        return left


@dataclass(slots=True)
class GuardedBackend(httpcore.NetworkBackend):
    """Opens sockets to judged addresses alone, and to onion names through a Tor proxy alone."""

    deadline: Deadline
    allow_loopback: bool = False
    tor_proxy: Address | None = None
    lookup: Callable[[str, int], Sequence[Address]] = system_lookup
    _sockets: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        if host_kind(host) == "onion":
            return self._through_tor(host, port)
        addresses = addresses_judge(self._look_up(host, port), allow_loopback=self.allow_loopback)
        for ip, ip_port in addresses[:_MAX_ATTEMPTS]:
            try:
                return self._open(ip, ip_port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise ServiceUnreachable(*_NO_CONNECTION)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise DestinationRefused(*_PRIVATE)

    def _open(self, ip: str, port: int) -> "_DeadlineStream":
        stream = self._sockets.connect_tcp(ip, port, timeout=self.deadline.remaining_s())
        return _DeadlineStream(stream, self.deadline)

    def _look_up(self, host: str, port: int) -> Sequence[Address]:
        # The system's look-up takes no timeout, so it gets a thread that may be left behind.
        found: list[Sequence[Address]] = []

        def ask() -> None:
            try:
                found.append(self.lookup(host, port))
            except (OSError, UnicodeError):
                found.append(())

        thread = threading.Thread(target=ask, daemon=True, name="lnurl-lookup")
        thread.start()
        thread.join(self.deadline.remaining_s())
        self.deadline.remaining_s()
        if not found or not found[0]:
            raise ServiceUnreachable(*_NOT_FOUND)
        return found[0]

    def _through_tor(self, host: str, port: int) -> httpcore.NetworkStream:
        if self.tor_proxy is None:
            raise DestinationRefused(*_PRIVATE)
        try:
            stream = self._open(*self.tor_proxy)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise ServiceUnreachable(*_NO_CONNECTION) from error
        _socks5_connect(stream, host, port)
        return stream


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose every step ends with the deadline, however slowly the bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._deadline.remaining_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._deadline.remaining_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout=self._deadline.remaining_s())
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _socks5_connect(stream: httpcore.NetworkStream, host: str, port: int) -> None:
    # RFC 1928 without authentication; the proxy resolves the name, as only it can.
    stream.write(b"\x05\x01\x00")
    if _read_exactly(stream, 2) != b"\x05\x00":
        raise ServiceUnreachable(*_NO_CONNECTION)
    name = host.encode("ascii")
    stream.write(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
    _, reply, _, kind = _read_exactly(stream, 4)
    if reply != 0:
        raise ServiceUnreachable(*_NO_CONNECTION)
    lengths = {1: 4, 4: 16}
    _read_exactly(stream, (lengths[kind] if kind in lengths else _read_exactly(stream, 1)[0]) + 2)


def _read_exactly(stream: httpcore.NetworkStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            raise ServiceUnreachable(*_NO_CONNECTION)
        data += more
    return data


def _is_loopback(text: str) -> bool:
    return ipaddress.ip_address(text).is_loopback
