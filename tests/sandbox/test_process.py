"""The program itself: it stands alone, finds its data again, and ends cleanly."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.sandbox.client import GraphQL, socket_open
from tests.sandbox_server import SandboxServer


def test_accounts_money_and_unfinished_payments_survive_a_kill() -> None:
    with SandboxServer() as sandbox:
        demo = sandbox.api("GET", "/api/demo")
        shop = GraphQL(sandbox, demo)
        assert shop.balance() == 250_000
        open_invoice = shop.invoice()
        target = sandbox.phone_invoice(2000)
        sandbox.switch(send={"value": "pending_then_paid", "next": 1}, later_s=1.0)
        assert shop.send(target["bolt11"], key="k")["status"] == "PENDING"
        sandbox.kill()
        sandbox.start()
        assert sandbox.api("GET", "/api/demo")["api_key"] == demo["api_key"]
        assert shop.status(open_invoice["paymentRequest"]) == "PENDING"
        assert sandbox.phone_pay(open_invoice["paymentRequest"])["state"] == "sent"
        assert shop.send(target["bolt11"], key="k")["status"] == "PENDING"  # the key is remembered too
        give_up_at = time.monotonic() + 5
        while not sandbox.payments(target["payment_hash"]):
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        assert len(sandbox.payments(target["payment_hash"])) == 1


def test_a_full_reset_begins_anew() -> None:
    with SandboxServer() as sandbox:
        before = sandbox.api("GET", "/api/demo")
        sandbox.phone_pay(GraphQL(sandbox, before).invoice()["paymentRequest"])
        sandbox.api("POST", "/api/reset", {"everything": True})
        after = sandbox.api("GET", "/api/demo")
        assert after["api_key"] != before["api_key"]
        assert sandbox.payments() == []
        assert sandbox.api("GET", "/phone/api/history") == {"balance_sat": 500_000, "history": []}


def test_another_network_gives_invoices_of_that_network() -> None:
    with SandboxServer(network="signet") as sandbox:
        shop = GraphQL(sandbox, sandbox.account())
        assert shop.ask("{ globals { network } }")["data"]["globals"]["network"] == "signet"
        assert shop.invoice()["paymentRequest"].startswith("lntbs33070n1")


def test_a_port_in_use_and_an_unusable_folder_are_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "flashpay.sandbox", "--port", port, "--data-dir", str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "Choose another --port" in ended.stderr
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "flashpay.sandbox", "--port", "0", "--data-dir", str(tmp_path / "file")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "Choose another --data-dir" in ended.stderr


def test_it_ends_at_sigterm_with_sockets_open() -> None:
    with SandboxServer() as sandbox, socket_open(sandbox):
        process = sandbox._process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)


def test_it_imports_neither_django_nor_another_room() -> None:
    code = "import sys, json, flashpay.sandbox.__main__; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
    assert not [name for name in modules if name.split(".")[0] in ("django", "celery", "payouts", "lnurl")]
    rooms = {name.split(".")[1] for name in modules if name.startswith("flashpay.")}
    assert rooms == {"sandbox"}
