"""The pages work without scripts, escape what strangers wrote, and load nothing from elsewhere."""

import re
from urllib.parse import quote

import httpx
import pytest

from tests.sandbox.client import GraphQL
from tests.sandbox_server import SandboxServer


@pytest.fixture
def browser(sandbox: SandboxServer) -> httpx.Client:
    return httpx.Client(base_url=sandbox.url, follow_redirects=True, trust_env=False, timeout=30)


def test_the_phone_reads_a_code_shows_it_and_pays_it(
    sandbox: SandboxServer, alice: GraphQL, browser: httpx.Client
) -> None:
    bolt11 = alice.create(635, memo="<b>Tea & cake</b>")["invoice"]["paymentRequest"]
    shown = browser.get(f"/phone?text={quote(bolt11)}")
    assert "Pay this?" in shown.text
    assert "10\u202f000 sat" in shown.text
    assert "&lt;b&gt;Tea &amp; cake&lt;/b&gt;" in shown.text
    assert alice.status(bolt11) == "PENDING"  # looking moves nothing
    paid = browser.post("/phone/pay", data={"text": bolt11})
    assert f"Paid 10\u202f000 sat to {alice.account['username']} (Flash)." in paid.text
    assert alice.status(bolt11) == "PAID"
    again = browser.post("/phone/pay", data={"text": bolt11})
    assert again.status_code == 400
    assert "already paid. No money moved." in again.text


def test_the_phone_makes_an_invoice_with_a_qr_code(alice: GraphQL, browser: httpx.Client) -> None:
    shown = browser.post("/phone/receive", data={"amount_sat": "2500", "memo": "Coffee"})
    assert "<svg" in shown.text
    bolt11 = re.search(r"lnbcrt25u1[a-z0-9]+", shown.text)
    assert bolt11
    assert alice.send(bolt11[0])["status"] == "SUCCESS"
    assert "+2\u202f500 sat" in browser.get("/phone/live").text


def test_what_cannot_be_read_is_said_and_kept_in_the_box(browser: httpx.Client) -> None:
    shown = browser.get("/phone?text=<script>alert(1)</script>")
    assert shown.status_code == 400
    assert "neither an invoice" in shown.text
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</textarea>" in shown.text


@pytest.mark.parametrize("path", ["/", "/phone", "/switches"])
def test_pages_load_nothing_from_elsewhere(browser: httpx.Client, path: str) -> None:
    shown = browser.get(path)
    assert shown.status_code == 200
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    for source in re.findall(r'(?:src|href|action)="([^"]+)"', shown.text):
        assert source.startswith(("/", "data:,"))
        if source.startswith("/static/"):
            assert browser.get(source).status_code == 200
    assert not re.search(r"<script(?! src)|<style| style=| on\w+=", shown.text)


def test_switches_are_set_by_a_form_for_ever_or_for_some_calls(sandbox: SandboxServer, browser: httpx.Client) -> None:
    browser.post("/switches", data={"do": "set", "world": "a", "feed_empty": "on", "send": "failure", "next:send": "2"})
    switches = {s["name"]: s for s in sandbox.api("GET", "/api/switches")["switches"]}
    assert (switches["world"]["value"], switches["feed_empty"]["value"]) == ("a", True)
    assert switches["send"]["value"] == "normal"
    assert switches["send"]["next"] == [{"value": "failure", "next": 2, "operation": None}]
    assert "changed" in browser.get("/switches").text
    wrong = browser.post("/switches", data={"do": "set", "minimum_sat": "many"})
    assert (wrong.status_code, "minimum_sat is a number" in wrong.text) == (400, True)
    browser.post("/switches", data={"do": "reset"})
    switches = {s["name"]: s for s in sandbox.api("GET", "/api/switches")["switches"]}
    assert switches["world"]["value"] == "b"
