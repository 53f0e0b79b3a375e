"""One guarded GET that returns a JSON object: https, judged addresses, no redirects, bounded in bytes and in time (P2–P5)."""

import json
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ssl import SSLContext
from typing import Any, NoReturn

import httpcore
import httpx

from flashpay.version import VERSION
from lnurl.wire.errors import AnswerUnusable, ServiceRefused, ServiceUnreachable, untrusted_text
from lnurl.wire.guard import Address, Deadline, GuardedBackend, system_lookup
from lnurl.wire.urls import ServiceUrl, service_url

DEADLINE_S = 10.0  # for everything: name, connection, TLS, answer (P5)
MAX_ANSWER_BYTES = 256 * 1024  # after decompression (P5)

_HEADERS = [
    (b"Accept", b"application/json"),
    # Nothing compressed is asked for; what comes compressed all the same is unpacked within the same bound.
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", f"FlashPay/{VERSION}".encode()),
    (b"Connection", b"close"),
]

_SENTENCES = {
    "redirect": "The recipient's Lightning service sends visitors on to another address, which is not followed. "
    "Nothing was sent. Please ask the recipient for another destination.",
    "too_large": "The answer of the recipient's Lightning service is far too large. Nothing was sent. "
    "Please use another destination.",
    "not_lnurl": "The recipient's Lightning service gave an answer that cannot be used. Nothing was sent. "
    "Please use another destination.",
    "connection_lost": "The connection to the recipient's Lightning service failed. Nothing was sent. "
    "Please try again later.",
    "too_slow": "The recipient's Lightning service took too long to answer. Nothing was sent. Please try again later.",
}


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Where fetching may go, and by what means. The defaults are those of production.

    ``allow_loopback`` admits http and https to this very machine: for tests and development. ``tor_proxy`` is the address
    of a SOCKS5 proxy; onion names are refused without it. The rest are the network and the clock, for tests.
    """

    allow_loopback: bool = False
    tor_proxy: Address | None = None
    deadline_s: float = DEADLINE_S
    lookup: Callable[[str, int], Sequence[Address]] = system_lookup
    clock: Callable[[], float] = time.monotonic
    ssl_context: SSLContext | None = None

    def read_url(self, text: str) -> ServiceUrl:
        """Read a URL this policy lets us fetch. Raises ``DestinationRefused``."""
        return service_url(text, allow_loopback=self.allow_loopback, allow_onion=self.tor_proxy is not None)


def json_fetch(url: ServiceUrl, *, policy: FetchPolicy) -> dict[str, Any]:
    """GET an LNURL answer: the JSON object in the body, whatever the HTTP status and content type (K-01.4).

    Raises ``ServiceRefused`` for the LNURL error object in any spelling of ``status`` (K-01.5), ``AnswerUnusable`` for
    redirects (P4), bodies that are too large or no JSON object, ``ServiceUnreachable`` and ``DestinationRefused``.
    """
    answer = _json_object(_body(url, policy))
    status = answer.get("status")
    if isinstance(status, str) and status.lower() == "error":
        raise ServiceRefused(untrusted_text(answer.get("reason")))
    return answer


def _body(url: ServiceUrl, policy: FetchPolicy) -> bytes:
    deadline = Deadline(ends_at=policy.clock() + policy.deadline_s, clock=policy.clock)
    backend = GuardedBackend(
        deadline=deadline, allow_loopback=policy.allow_loopback, tor_proxy=policy.tor_proxy, lookup=policy.lookup
    )
    target = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
    headers = [(b"Host", url.authority.encode()), *_HEADERS]
    context = policy.ssl_context or _public_certificates()
    try:
        with (
            httpcore.ConnectionPool(ssl_context=context, network_backend=backend, max_connections=1) as pool,
            pool.stream("GET", target, headers=headers) as response,
        ):
            if 300 <= response.status < 400:
                _unusable("redirect")
            return _read(response)
    except httpcore.TimeoutException as error:
        raise ServiceUnreachable("too_slow", _SENTENCES["too_slow"]) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise ServiceUnreachable("connection_lost", _SENTENCES["connection_lost"]) from error


def _read(response: httpcore.Response) -> bytes:
    encoding = (
        b",".join(value for name, value in response.headers if name.lower() == b"content-encoding").strip().lower()
    )
    if encoding in {b"", b"identity"}:
        unpack = None
    elif encoding in {b"gzip", b"x-gzip", b"deflate"}:
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds out by itself which of the two it is
    else:
        _unusable("not_lnurl")  # also several encodings one inside the other, which no honest service uses
    body = bytearray()
    for chunk in response.iter_stream():
        try:
            # One byte more than allowed is enough to know, and a bomb never unfolds further.
            body += unpack.decompress(chunk, MAX_ANSWER_BYTES + 1 - len(body)) if unpack else chunk
        except zlib.error:
            _unusable("not_lnurl")
        if len(body) > MAX_ANSWER_BYTES:
            _unusable("too_large")
    return bytes(body)


def _json_object(body: bytes) -> dict[str, Any]:
    # ValueError covers wrong JSON, wrong Unicode and numbers of thousands of digits; RecursionError a tower of brackets.
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        _unusable("not_lnurl")
    if not isinstance(answer, dict):
        _unusable("not_lnurl")
    return answer


def _unusable(code: str) -> NoReturn:
    raise AnswerUnusable(code, _SENTENCES[code])


@lru_cache(maxsize=1)
def _public_certificates() -> SSLContext:
    # Reading the certificates takes tens of milliseconds; the environment has no say in which are trusted.
    return httpx.create_ssl_context(trust_env=False)
