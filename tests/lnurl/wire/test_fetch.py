"""One GET of a stranger's JSON (K-01.4, K-01.5, P2–P5): a zoo of hostile services, none of which gets further than its answer."""

import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from lnurl.wire.errors import AnswerUnusable, ServiceRefused, ServiceUnreachable, WireError
from lnurl.wire.fetch import MAX_ANSWER_BYTES, FetchPolicy, json_fetch
from tests.lnurl.wire.services import (
    Answer,
    Names,
    RawService,
    Service,
    certificate_for,
    json_answer,
    loopback_policy,
)


def fetch_answer(answer: Answer) -> dict[str, Any]:
    with Service({"/x": lambda _: answer}) as service:
        policy = loopback_policy()
        return json_fetch(policy.read_url(f"{service.url}/x"), policy=policy)


def refusal(answer: Answer) -> WireError:
    with pytest.raises(WireError) as caught:
        fetch_answer(answer)
    assert "Nothing was sent" in caught.value.sentence
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 400, 404, 418, 500, 503])
def test_it_reads_the_body_whatever_the_status_and_content_type(status: int) -> None:
    """K-01.4."""
    assert fetch_answer((status, {"Content-Type": "text/html"}, b'{"tag": "payRequest", "new": [1]}')) == {
        "tag": "payRequest",
        "new": [1],
    }


@pytest.mark.parametrize("status", ["ERROR", "error", "Error"])
def test_it_takes_the_error_object_in_any_case_and_keeps_the_reason_apart(status: str) -> None:
    """K-01.5, P12: the service's words are not in our sentence."""
    refused = refusal(
        json_answer({"tag": "payRequest", "status": status, "reason": "<script>alert(1)</script>\x00" + "x" * 999}, 404)
    )
    assert isinstance(refused, ServiceRefused)
    assert refused.reason.startswith("<script>")
    assert len(refused.reason) == 300
    assert "script" not in refused.sentence


@pytest.mark.parametrize("reason", [None, 7, {}, []])
def test_an_error_without_words_is_an_error(reason: object) -> None:
    refused = refusal(json_answer({"status": "ERROR", "reason": reason}))
    assert isinstance(refused, ServiceRefused)
    assert refused.reason == ""


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'"text"', b"null", b"7", b'{"a":', b"\xff\xfe\x00", b"[" * 200_000]
)
def test_it_refuses_what_is_no_json_object(body: bytes) -> None:
    assert refusal((200, {}, body)).code == "not_lnurl"


def test_a_number_of_thousands_of_digits_is_no_json() -> None:
    assert refusal((200, {}, b'{"a": ' + b"9" * 5000 + b"}")).code == "not_lnurl"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_follows_no_redirect_not_even_to_loopback(status: int) -> None:
    """P4, CVE-2025-32013."""
    with Service({"/": lambda _: json_answer({"tag": "payRequest"})}) as victim:
        assert refusal((status, {"Location": f"{victim.url}/"}, b'{"tag": "payRequest"}')).code == "redirect"
        assert victim.connections == 0


def test_it_stops_at_256_kib() -> None:
    """P5."""
    padding = MAX_ANSWER_BYTES - len(json.dumps({"a": ""}))
    assert len(fetch_answer(json_answer({"a": "x" * padding}))["a"]) == padding
    assert refusal(json_answer({"a": "x" * (padding + 1)})).code == "too_large"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP", "x-gzip"])
def test_it_reads_what_comes_compressed_unasked(encoding: str) -> None:
    pack = zlib.compress if encoding == "deflate" else gzip.compress
    assert fetch_answer((200, {"Content-Encoding": encoding}, pack(b'{"a": 1}'))) == {"a": 1}


def test_a_gzip_bomb_does_not_unfold() -> None:
    """P5: a hundred megabytes in a hundred kilobytes."""
    bomb = gzip.compress(b" " * 100_000_000, compresslevel=9)
    assert len(bomb) < 150_000
    with Service({"/x": lambda _: (200, {"Content-Encoding": "gzip"}, bomb)}) as service:
        policy = loopback_policy()
        url = policy.read_url(f"{service.url}/x")
        tracemalloc.start()
        with pytest.raises(AnswerUnusable) as caught:
            json_fetch(url, policy=policy)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert caught.value.code == "too_large"
    assert peak < 8_000_000


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "rot13"])
def test_nested_and_unknown_encodings_are_refused(encoding: str) -> None:
    assert refusal((200, {"Content-Encoding": encoding}, gzip.compress(gzip.compress(b"{}")))).code == "not_lnurl"


def test_broken_compression_is_refused() -> None:
    assert refusal((200, {"Content-Encoding": "gzip"}, b"not gzip at all")).code == "not_lnurl"


def drip(beginning: bytes) -> Any:
    """A service that says this and then one byte every few milliseconds, for ever."""

    def talk(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(1000)
        connection.sendall(beginning)
        while not ended.wait(0.02):
            connection.sendall(b"a")

    return talk


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"",
    ],
)
def test_a_slow_drip_ends_with_the_deadline(beginning: bytes) -> None:
    """P5: no single read is slow, the whole is."""
    with RawService(drip(beginning)) as service:
        policy = loopback_policy(deadline_s=0.4)
        started = time.monotonic()
        with pytest.raises(ServiceUnreachable) as caught:
            json_fetch(policy.read_url(f"{service.url}/x"), policy=policy)
        assert time.monotonic() - started < 20  # a drip as slow as this one would take minutes
    assert caught.value.code in {"too_slow", "connection_lost"}


def test_a_service_that_says_nothing_ends_with_the_deadline() -> None:
    with RawService(lambda connection, ended: ended.wait(30) and None) as service:
        policy = loopback_policy(deadline_s=0.3)
        with pytest.raises(ServiceUnreachable) as caught:
            json_fetch(policy.read_url(f"{service.url}/x"), policy=policy)
    assert caught.value.code == "too_slow"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000,
    ],
)
def test_broken_http_is_a_lost_connection(said: bytes) -> None:
    def talk(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(1000)
        connection.sendall(said)

    with RawService(talk) as service:
        policy = loopback_policy()
        with pytest.raises(ServiceUnreachable) as caught:
            json_fetch(policy.read_url(f"{service.url}/x"), policy=policy)
    assert caught.value.code == "connection_lost"


def test_tls_is_spoken_with_the_name_over_the_judged_address(tmp_path: Path) -> None:
    """P3: Host header, server name and certificate are those of the name."""
    server, trusting = certificate_for("pay.example", folder=tmp_path)
    with Service({"/x": lambda _: json_answer({"a": 1})}, tls=server) as service:
        names = Names(pay_example=[[("127.0.0.1", service.port)]], other_example=[[("127.0.0.1", service.port)]])
        policy = loopback_policy(lookup=names, ssl_context=trusting)
        assert json_fetch(policy.read_url("https://pay.example/x?y=1"), policy=policy) == {"a": 1}
        assert service.requests == [("pay.example", "/x?y=1")]
        with pytest.raises(ServiceUnreachable):
            json_fetch(policy.read_url("https://other.example/x"), policy=policy)
        assert len(service.requests) == 1


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """S-01.2 read from our side."""
    server, _ = certificate_for("pay.example", folder=tmp_path)
    with Service({"/x": lambda _: json_answer({"a": 1})}, tls=server) as service:
        policy = loopback_policy(lookup=Names(pay_example=[[("127.0.0.1", service.port)]]))
        with pytest.raises(ServiceUnreachable):
            json_fetch(policy.read_url("https://pay.example/x"), policy=policy)
        assert service.requests == []


def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Service() as proxy, Service({"/x": lambda _: json_answer({"a": 1})}) as service:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        policy = loopback_policy()
        assert json_fetch(policy.read_url(f"{service.url}/x"), policy=policy) == {"a": 1}
        assert proxy.connections == 0


def test_the_production_policy_refuses_loopback_http_and_onion() -> None:
    with Service() as service:
        for text in (service.url, f"https://127.0.0.1:{service.port}/", "http://pay.example/", "http://abc.onion/"):
            with pytest.raises(WireError):
                FetchPolicy().read_url(text)
        assert service.connections == 0
