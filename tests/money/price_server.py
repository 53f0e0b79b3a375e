"""A small HTTP server on loopback that answers as a price service does, or as one should not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class PriceServer:
    """`answer` is what the next requests get: JSON, or bytes as they are. `paths` are the requests that came."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: Any = None
    paths: list[str] = field(default_factory=list)
    request_headers: list[dict[str, str]] = field(default_factory=list)
    # Called in the server's thread before it answers, to hold an answer back until a test lets it go.
    before: Callable[[], object] = lambda: None

    def query(self) -> dict[str, list[str]]:
        """The parameters of the last request."""
        return parse_qs(urlsplit(self.paths[-1]).query)

    def path(self) -> str:
        return urlsplit(self.paths[-1]).path


@contextmanager
def price_server_running() -> Iterator[PriceServer]:
    state = PriceServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.paths.append(self.path)
            state.request_headers.append({name.lower(): value for name, value in self.headers.items()})
            state.before()
            body = state.answer if isinstance(state.answer, bytes) else json.dumps(state.answer).encode()
            self.send_response(state.status)
            for name, value in {"Content-Length": str(len(body)), **state.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            # A client that has read enough hangs up, which is its right.
            try:
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
