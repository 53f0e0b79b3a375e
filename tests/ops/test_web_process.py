"""The one-port application as a real process: pages through WSGI, events beside them, a clean end."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Callable

import httpx
import pytest

from flashpay.ids import id_new
from flashpay.version import VERSION
from tests.programs import Program

STREAM_TIMEOUT_S = 10.0


@pytest.fixture
def serve(start_program: Callable[..., Program], static_files: str) -> Callable[..., Program]:
    """Start uvicorn with one of the applications of `flashpay.asgi`."""

    def start(application: str) -> Program:
        return start_program(
            *("-m", "uvicorn", f"flashpay.asgi:{application}", "--port", os.environ["PORT"]),
            *("--timeout-graceful-shutdown", "5"),
            ready="Uvicorn running on",
        )

    return start


def _raw(request: bytes) -> bytes:
    """What the server answers to exactly these bytes, up to its closing of the connection."""
    with socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_it_serves_pages_static_files_and_health_on_one_port(web_server: str) -> None:
    with httpx.Client(base_url=web_server) as client:
        assert client.get("/healthz").text == "ok\n"
        ready = client.get("/readyz")
        assert ready.status_code == 200, ready.text
        assert ready.json()["version"] == VERSION
        assert ready.json()["checks"] == {"database": "ok", "migrations": "ok", "redis": "ok"}
        assert client.get("/accounts/login/").status_code == 200
        style = client.get("/static/admin/css/base.css")
        assert style.status_code == 200
        assert style.headers["content-type"].startswith("text/css")


def test_it_ends_at_once_although_pages_listen_for_events(serve: Callable[..., Program]) -> None:
    program = serve("application")
    address = os.environ["PUBLIC_URL"]
    with httpx.stream("GET", f"{address}/events/invoice:{id_new()}", timeout=STREAM_TIMEOUT_S) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert any("hello" in line for line in lines)
        program.process.terminate()
        assert all("error" not in line for line in lines)  # runs to the end that the server makes
    program.wait(timeout_s=4)  # less than the time after which uvicorn would cut streams off
    assert "ERROR" not in program.output
    assert "Traceback" not in program.output


def test_it_serves_nothing_but_events_and_health_as_a_live_process(serve: Callable[..., Program]) -> None:
    serve("live")
    address = os.environ["PUBLIC_URL"]
    assert httpx.get(f"{address}/healthz").status_code == 200
    assert httpx.get(f"{address}/readyz").status_code == 200
    assert httpx.get(f"{address}/accounts/login/").status_code == 404
    with httpx.stream("GET", f"{address}/events/invoice:{id_new()}", timeout=STREAM_TIMEOUT_S) as stream:
        assert any("hello" in line for line in stream.iter_lines())


def test_it_does_not_take_half_a_body_for_a_whole_one(serve: Callable[..., Program]) -> None:
    program = serve("application")
    with socket.create_connection(("127.0.0.1", int(os.environ["PORT"]))) as connection:
        connection.sendall(
            b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin=alice"
        )
    assert httpx.get(f"{os.environ['PUBLIC_URL']}/healthz").status_code == 200
    program.stop()
    assert "ASGI callable returned without" not in program.output


def test_it_survives_addresses_that_are_not_ascii(web_server: str) -> None:
    answer = _raw("GET /healthz?name=café HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] in {b"200", b"400"}
    answer = _raw(b"GET /healthz?name=caf%C3%A9%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


def test_it_refuses_hosts_that_are_not_its_own(web_server: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]))
    connection.request("GET", "/accounts/login/", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 400
    connection.close()
