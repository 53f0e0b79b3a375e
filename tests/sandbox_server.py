"""A sandbox Flash as a process of its own, for tests: started on a free port, ended with the test."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

START_S = 120.0


class SandboxServer:
    """`with SandboxServer() as sandbox:` or `start()` and `stop()`.

    `limits` is "off" unless the test is about Flash's limits. The data folder outlives `stop()` until `close()`, so
    `stop(); start()` (or `kill(); start()`) is a restart that finds its accounts again, on the same port.
    """

    def __init__(
        self,
        *,
        limits: str = "off",
        world: str = "b",
        network: str = "regtest",
        data_dir: Path | None = None,
        port: int = 0,
    ) -> None:
        self._own_dir = None if data_dir else tempfile.TemporaryDirectory(prefix="sandbox-")
        self.data_dir = data_dir or Path(self._own_dir.name if self._own_dir else "")
        self._options = ["--limits", limits, "--world", world, "--network", network]
        self._process: subprocess.Popen[str] | None = None
        self._port = port  # 0: a free one, kept over restarts
        # A connection kept for later may be closed by the server just as it is used again.
        self._client = httpx.Client(trust_env=False, timeout=150.0, limits=httpx.Limits(max_keepalive_connections=0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def graphql_url(self) -> str:
        return f"{self.url}/graphql"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/graphql"

    def start(self) -> "SandboxServer":
        command = [
            sys.executable,
            "-m",
            "flashpay.sandbox",
            "--port",
            str(self._port),
            "--data-dir",
            str(self.data_dir),
        ]
        self._process = subprocess.Popen(
            [*command, *self._options], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()  # one line, written when the port is bound
        if not line:
            raise RuntimeError(f"The sandbox ended at once with status {self._process.wait()}.")
        self._port = int(line.split(" (")[0].rsplit(":", 1)[1])
        give_up_at = time.monotonic() + START_S
        while True:
            try:
                self._client.get(f"{self.url}/healthz").raise_for_status()
                return self
            except httpx.TransportError:
                if self._process.poll() is not None or time.monotonic() > give_up_at:
                    self.kill()
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        """End it as a supervisor does (SIGTERM)."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=15)
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    def close(self) -> None:
        self.stop()
        self._client.close()
        if self._own_dir is not None:
            self._own_dir.cleanup()

    def __enter__(self) -> "SandboxServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What tests ask of it

    def api(self, method: str, path: str, json: Any = None, *, ok: bool = True) -> Any:
        """Call the sandbox's own API (`/api/…`, `/phone/api/…`) and return its JSON; raises on a refusal unless `ok=False`."""
        response = self._client.request(method, f"{self.url}{path}", json=json)
        if ok and response.status_code >= 400:
            raise AssertionError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()

    def switch(self, **values: Any) -> None:
        """Set switches; a value may be `{"value": …, "next": N, "operation": …}`."""
        self.api("PUT", "/api/switches", values)

    def account(self, **wanted: Any) -> dict[str, Any]:
        """A fresh account: username, api_key, session_token, wallets."""
        account: dict[str, Any] = self.api("POST", "/api/accounts", wanted)
        return account

    def payments(self, payment_hash: str | None = None) -> list[dict[str, Any]]:
        """Payments that truly reached their payee, of one invoice if named."""
        suffix = f"?payment_hash={payment_hash}" if payment_hash else ""
        found: list[dict[str, Any]] = self.api("GET", f"/api/payments{suffix}")["payments"]
        return found

    def wait_for_payment(self, payment_hash: str, within_s: float = 15.0) -> dict[str, Any]:
        """The payment of this invoice, as soon as it has reached its payee."""
        give_up_at = time.monotonic() + within_s
        while not (found := self.payments(payment_hash)):
            if time.monotonic() > give_up_at:
                raise AssertionError(f"No payment of {payment_hash} within {within_s} s.")
            time.sleep(0.05)
        return found[0]

    def phone_pay(self, text: str, *, amount_sat: int | None = None, **more: Any) -> dict[str, Any]:
        """Let the phone pay or withdraw; returns its history entry."""
        body = {"text": text, **more} | ({} if amount_sat is None else {"amount_sat": amount_sat})
        entry: dict[str, Any] = self.api("POST", "/phone/api/pay", body)
        return entry

    def card_link(self) -> str:
        """The next tap of the pretend card, as its `lnurlw://` link: the same until it was read."""
        return str(self.api("GET", "/api/card")["link"])

    def phone_invoice(self, amount_sat: int | None, memo: str = "", **more: Any) -> dict[str, Any]:
        """A BOLT 11 of the phone's own node, for paste boxes; `bolt11` and `payment_hash` are in the entry."""
        entry: dict[str, Any] = self.api("POST", "/phone/api/invoice", {"amount_sat": amount_sat, "memo": memo, **more})
        return entry
