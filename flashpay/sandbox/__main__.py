"""Command line: `python -m flashpay.sandbox --port N --data-dir DIR`."""

import argparse
import socket
import sqlite3
import sys
from pathlib import Path

import uvicorn

from flashpay.sandbox.asgi import app_create
from flashpay.sandbox.lines import HttpLine, SocketLine
from flashpay.sandbox.node import PREFIXES
from flashpay.sandbox.service import Sandbox
from flashpay.sandbox.switches import LIMITS, Value

PING_S = 12.0  # Flash pings its sockets this often, and gives up on a client that lets one ping go unanswered
SHUTDOWN_S = 1


def arguments_read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flashpay.sandbox", description="A pretend Flash service with a phone wallet."
    )
    parser.add_argument("--port", type=_port, required=True, help="port to listen on; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder for keys and accounts, made when missing")
    parser.add_argument(
        "--network", choices=sorted(PREFIXES), default="regtest", help="network of the invoices (default: %(default)s)"
    )
    parser.add_argument(
        "--world", choices=["a", "b"], default="b", help="how session tokens are treated (default: %(default)s)"
    )
    parser.add_argument("--limits", choices=["flash", "off"], default="flash", help="Flash's own rate limits, or none")
    parser.add_argument("--base-url", help="how others reach it (default: http://HOST:PORT)")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: choose 0 to 65535")
    return int(text)


def main(arguments: list[str]) -> int:
    options = arguments_read(arguments)
    switches: dict[str, Value] = {"world": options.world}
    if options.limits == "off":
        switches |= dict.fromkeys(LIMITS, 0)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is: 40 ms an answer otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        return _fail(
            f"The sandbox cannot listen on {options.host} port {options.port} ({error.strerror}). Choose another --port."
        )
    port = listener.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    base_url = (options.base_url or f"http://{host}:{port}").rstrip("/")
    try:
        sandbox = Sandbox(data_dir=options.data_dir, network=options.network, base_url=base_url, switches=switches)
    except (OSError, sqlite3.Error) as error:
        return _fail(f"The sandbox cannot use the folder {options.data_dir} ({error}). Choose another --data-dir.")
    config = uvicorn.Config(
        app_create(sandbox),
        http=HttpLine,
        ws=SocketLine,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        log_level="warning",
        server_header=False,
    )
    sys.stdout.write(f"Sandbox Flash on {base_url} (phone wallet: {base_url}/phone, switches: {base_url}/switches)\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
