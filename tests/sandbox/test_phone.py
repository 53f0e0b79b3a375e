"""The pretend phone: it reads anything, pays and withdraws once, and goes nowhere but this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flashpay.sandbox.lnurl_text import lnurl_encode
from tests.sandbox.client import GraphQL
from tests.sandbox_server import SandboxServer


class Withdrawals:
    """A tiny LUD-03 service that pays what it is handed out of Alice's wallet."""

    def __init__(self, alice: GraphQL) -> None:
        self.alice = alice
        self.low = self.high = 2_000_000
        self.refuse = ""
        self.pays = True
        self.asked: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(service.answer(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path.startswith("/info"):
            return {
                "tag": "withdrawRequest",
                "callback": f"http://{self.host}/callback",
                "k1": "ab12",
                "defaultDescription": "Refund of order 7",
                "minWithdrawable": self.low,
                "maxWithdrawable": self.high,
            }
        given = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if self.refuse or given["k1"] != "ab12":
            return {"status": "ERROR", "reason": self.refuse or "unknown k1"}
        if self.pays:
            threading.Thread(target=self.alice.send, args=(given["pr"],), kwargs={"key": "w"}).start()
        return {"status": "OK"}


@pytest.fixture
def withdrawals(alice: GraphQL) -> Iterator[Withdrawals]:
    service = Withdrawals(alice)
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def texts(withdrawals: Withdrawals) -> dict[str, str]:
    url = f"http://{withdrawals.host}/info"
    code = lnurl_encode(url)
    return {
        "lower": code,
        "upper": code.upper(),
        "link": f"lightning:{code}",
        "upper link": f"LIGHTNING:{code.upper()}",
        "lud-17": f"lnurlw://{withdrawals.host}/info",
        "plain link": url,
        "web page": f"https://shop.example/p/7?lightning={code.upper()}",
        "web page, shouting": f"https://shop.example/p/7?a=b&LIGHTNING={code}",
    }


def test_it_understands_every_spelling_of_a_withdrawal(sandbox: SandboxServer, texts: dict[str, str]) -> None:
    for text in texts.values():
        read = sandbox.api("POST", "/phone/api/read", {"text": f" {text}\n"})
        assert (read["kind"], read["min_sat"], read["max_sat"]) == ("withdraw", 2000, 2000)
        assert read["description"] == "Refund of order 7"


def test_it_withdraws_with_its_own_invoice_and_waits_for_the_money(
    sandbox: SandboxServer, withdrawals: Withdrawals, texts: dict[str, str]
) -> None:
    before = sandbox.api("GET", "/phone/api/history")["balance_sat"]
    entry = sandbox.phone_pay(texts["upper"])
    assert (entry["state"], entry["amount_sat"], entry["kind"]) == ("received", 2000, "withdraw")
    [payment] = sandbox.payments(entry["payment_hash"])
    assert (payment["from"], payment["to"]) == (withdrawals.alice.account["username"], "phone")
    assert payment["preimage"] == entry["preimage"]
    assert sandbox.api("GET", "/phone/api/history")["balance_sat"] == before + 2000


def test_a_withdrawal_that_is_not_paid_yet_is_waiting_and_one_refused_says_why(
    sandbox: SandboxServer, withdrawals: Withdrawals, texts: dict[str, str]
) -> None:
    withdrawals.pays = False
    entry = sandbox.phone_pay(texts["lower"], wait_s=0)
    assert (entry["state"], entry["preimage"]) == ("waiting", None)
    withdrawals.refuse = "This link was used."
    refused = sandbox.api("POST", "/phone/api/pay", {"text": texts["lower"]}, ok=False)
    assert refused == {"error": "This link was used."}
    newest = sandbox.api("GET", "/phone/api/history")["history"][0]
    assert (newest["state"], newest["reason"]) == ("refused", "This link was used.")
    assert sandbox.payments(newest["payment_hash"]) == []


def test_it_keeps_to_the_limits_of_the_service(
    sandbox: SandboxServer, withdrawals: Withdrawals, texts: dict[str, str]
) -> None:
    withdrawals.low, withdrawals.high = 1_000_500, 3_000_999
    read = sandbox.api("POST", "/phone/api/read", {"text": texts["lower"]})
    assert (read["min_sat"], read["max_sat"]) == (1001, 3000)
    refused = sandbox.api("POST", "/phone/api/pay", {"text": texts["lower"], "amount_sat": 1000}, ok=False)
    assert "between 1,001 and 3,000" in refused["error"]
    assert sandbox.phone_pay(texts["lower"], amount_sat=1500)["amount_sat"] == 1500


def test_it_pays_a_lightning_address_and_a_static_lnurl(sandbox: SandboxServer, alice: GraphQL) -> None:
    address = alice.account["lightning_address"]
    entry = sandbox.phone_pay(address, amount_sat=321, comment="for the tea")
    assert (entry["state"], entry["whom"], entry["memo"]) == ("sent", address, "for the tea")
    query = "query($u: Username!) { accountDefaultWallet(username: $u) { id walletCurrency lnurlp } }"
    wallet = alice.anonymous().ask(query, {"u": alice.account["username"]})["data"]["accountDefaultWallet"]
    assert (wallet["id"], wallet["walletCurrency"]) == (alice.usdt, "USDT")
    assert sandbox.phone_pay(wallet["lnurlp"], amount_sat=5)["state"] == "sent"
    verify = sandbox.api("GET", f"/pay/lnurl/verify/{entry['payment_hash']}")
    assert (verify["settled"], verify["preimage"]) == (True, entry["preimage"])


def test_it_pays_an_invoice_once(sandbox: SandboxServer, alice: GraphQL) -> None:
    bolt11 = alice.invoice()["paymentRequest"]
    first = sandbox.phone_pay(f"bitcoin:bcrt1qxyz?amount=1&lightning={bolt11}")
    again = sandbox.api("POST", "/phone/api/pay", {"text": bolt11}, ok=False)
    assert again == {"error": "This invoice is already paid. No money moved."}
    assert len(sandbox.payments(first["payment_hash"])) == 1


def test_an_invoice_without_amount_needs_one(sandbox: SandboxServer, alice: GraphQL) -> None:
    bolt11 = alice.create(0)["invoice"]["paymentRequest"]
    assert sandbox.api("POST", "/phone/api/pay", {"text": bolt11}, ok=False) == {"error": "Say how many sats."}
    assert sandbox.phone_pay(bolt11, amount_sat=777)["amount_sat"] == 777
    assert alice.status(bolt11) == "PAID"


def test_its_own_invoices_are_of_its_own_node(sandbox: SandboxServer, alice: GraphQL) -> None:
    entry = sandbox.phone_invoice(500, "lunch")
    read = sandbox.api("POST", "/phone/api/read", {"text": entry["bolt11"]})
    assert (read["whom"], read["description"], read["max_sat"]) == ("this phone", "lunch", 500)
    assert "own invoice" in sandbox.api("POST", "/phone/api/pay", {"text": entry["bolt11"]}, ok=False)["error"]
    alice.send(entry["bolt11"])
    assert sandbox.api("GET", "/phone/api/history")["history"][0]["state"] == "received"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "nothing to read"),
        ("hello", "neither an invoice"),
        ("https://shop.example/p/7", "no Lightning code"),
        ("somebody@wallet.example", "only talks to this machine, not to wallet.example"),
        ("lnurlw://192.168.1.4/x", "only talks to this machine"),
        ("lnurlw://127.0.0.1.evil.example/x", "only talks to this machine"),
        ("lnurlp://user@127.0.0.1/x", "not a web address"),
        (lnurl_encode("http://169.254.169.254/latest"), "only talks to this machine"),
        (lnurl_encode("file:///etc/passwd"), "not a web address"),
        ("lnurl1dp68gurn8ghj7", "damaged"),
        ("Lnurl1DP68GURN8GHJ7", "one case"),
        ("lnbc1" + "q" * 200, "damaged"),
        ("lnurlw://[127.0.0.1/x", "broken"),
        ("http://127.0.0.1:99999/x", "broken"),
        ("lnurlw://127.0.0.1:1/x", "could not be reached"),
    ],
)
def test_it_says_what_it_cannot_read(sandbox: SandboxServer, text: str, sentence: str) -> None:
    count = len(sandbox.api("GET", "/phone/api/history")["history"])
    for path in ("/phone/api/read", "/phone/api/pay"):
        assert sentence in sandbox.api("POST", path, {"text": text}, ok=False)["error"]
    assert len(sandbox.api("GET", "/phone/api/history")["history"]) == count


def test_an_invoice_of_the_real_network_is_refused(sandbox: SandboxServer) -> None:
    mainnet = (
        "lnbc20m1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp"
        "58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqs9qrsgq7ea976txfraylvgzuxs8kgcw23ezlrszfnh8r6qtfpr6cxga50aj6txm9rxrydzd06dfe"
        "awfk6swupvz4erwnyutnjq7x39ymw6j38gp7ynn44"
    )
    refused = sandbox.api("POST", "/phone/api/pay", {"text": mainnet}, ok=False)
    assert refused == {"error": "This invoice is for mainnet, but this phone is on regtest."}
