"""The switches: each fault does what it says to the answer and to the money, for one call or for all."""

import time
from typing import Any

import httpx
import pytest

from tests.sandbox.client import ME, PRICE, SEND, STATUS, GraphQL
from tests.sandbox_server import SandboxServer

SEND_FAILED = {"message": "An unexpected error occurred. Please try again later.", "path": None, "code": None}
PROVIDER = {"message": "An error occurred. Contact support if error persists.", "code": "IBEX_ERROR", "path": None}


def eventually(check: Any, timeout: float = 5) -> None:
    give_up_at = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("send", "status", "errors", "paid"),
    [
        ("pending_forever", "PENDING", [], False),
        ("pending_paid", "PENDING", [], True),
        ("failure", "FAILURE", [SEND_FAILED], False),
        ("failure_empty", "FAILURE", [], False),
        ("failure_paid", "FAILURE", [SEND_FAILED], True),
        ("failure_empty_paid", "FAILURE", [], True),
    ],
)
def test_a_send_ends_as_switched(
    sandbox: SandboxServer, alice: GraphQL, send: str, status: str, errors: list[Any], paid: bool
) -> None:
    sandbox.switch(send={"value": send, "next": 1})
    before = alice.balance()
    target = sandbox.phone_invoice(2000)
    assert alice.send(target["bolt11"]) == {"status": status, "errors": errors}
    assert len(sandbox.payments(target["payment_hash"])) == int(paid)
    assert len([row for row in alice.rows() if row["direction"] == "SEND"]) == int(paid)
    in_flight = send == "pending_forever"
    assert (alice.balance() < before) is (paid or in_flight)
    other = sandbox.phone_invoice(10)
    assert alice.send(other["bolt11"])["status"] == "SUCCESS"  # the switch was for one call


def test_a_pending_send_settles_later(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(send="pending_then_paid", later_s=0.3)
    target = sandbox.phone_invoice(2000)
    assert alice.send(target["bolt11"], key="p")["status"] == "PENDING"
    assert sandbox.payments(target["payment_hash"]) == []
    eventually(lambda: sandbox.payments(target["payment_hash"]))
    assert alice.send(target["bolt11"], key="p")["status"] == "PENDING"  # the key remembers its first answer
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_a_pending_send_fails_later_and_may_then_be_paid_again(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(send={"value": "pending_then_failed", "next": 1}, later_s=0.3)
    before = alice.balance()
    target = sandbox.phone_invoice(2000)
    assert alice.send(target["bolt11"], key="one")["status"] == "PENDING"
    assert alice.balance() < before
    assert alice.send(target["bolt11"], key="two")["status"] == "FAILURE"  # still prepared at the provider
    eventually(lambda: alice.balance() == before)
    assert alice.rows() == []
    assert alice.send(target["bolt11"], key="three")["status"] == "SUCCESS"
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_a_failed_send_is_reimbursed_by_a_row_of_its_own(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(send="failure_reimbursed", later_s=0.3)
    before = alice.balance()
    target = sandbox.phone_invoice(2000)
    assert alice.send(target["bolt11"]) == {"status": "FAILURE", "errors": [SEND_FAILED]}
    [row] = alice.rows()
    assert (row["direction"], row["settlementDisplayAmount"]) == ("SEND", "-1.27")
    assert alice.details(row["id"])["paymentPreimage"] is None
    eventually(lambda: len(alice.rows()) == 2)
    assert [r["direction"] for r in alice.rows()] == ["RECEIVE", "SEND"]
    assert alice.balance() == before
    assert sandbox.payments(target["payment_hash"]) == []


@pytest.mark.parametrize(("when", "paid"), [("before", 0), ("after", 1)])
def test_an_answer_is_lost(sandbox: SandboxServer, alice: GraphQL, when: str, paid: int) -> None:
    sandbox.switch(cut={"value": when, "next": 1, "operation": "lnInvoicePaymentSend"})
    target = sandbox.phone_invoice(2000)
    assert alice.status(target["bolt11"]) == "PENDING"  # other operations are not concerned
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        alice.send(target["bolt11"], key="k")
    assert len(sandbox.payments(target["payment_hash"])) == paid
    assert alice.send(target["bolt11"], key="k")["status"] == "SUCCESS"
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_an_answer_is_late(sandbox: SandboxServer, alice: GraphQL) -> None:
    for switch in ("delay_before_s", "delay_after_s", "send_takes_s"):
        sandbox.switch(**{switch: {"value": 0.4, "next": 1}})
        target = sandbox.phone_invoice(50)
        began = time.monotonic()
        assert alice.send(target["bolt11"])["status"] == "SUCCESS"
        assert time.monotonic() - began > 0.4


def test_an_impatient_client_does_not_stop_a_payment(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(delay_before_s={"value": 0.5, "next": 1})
    target = sandbox.phone_invoice(50)
    given = {"input": {"walletId": alice.usdt, "paymentRequest": target["bolt11"]}}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            sandbox.graphql_url,
            json={"query": SEND, "variables": given},
            headers=alice.headers(),
            timeout=0.2,
            trust_env=False,
        )
    eventually(lambda: sandbox.payments(target["payment_hash"]))


@pytest.mark.parametrize("status", [401, 502, 503])
def test_an_html_page_comes_instead(sandbox: SandboxServer, alice: GraphQL, status: int) -> None:
    sandbox.switch(http_status={"value": status, "next": 1})
    target = sandbox.phone_invoice(50)
    response = alice.post(SEND, {"input": {"walletId": alice.usdt, "paymentRequest": target["bolt11"]}})
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert f"<h1>{status} " in response.text
    assert sandbox.payments(target["payment_hash"]) == []


@pytest.mark.parametrize("status", [200, 502, 504])
def test_an_html_page_comes_although_the_work_was_done(sandbox: SandboxServer, alice: GraphQL, status: int) -> None:
    sandbox.switch(late_status={"value": status, "next": 1})
    target = sandbox.phone_invoice(50)
    response = alice.post(SEND, {"input": {"walletId": alice.usdt, "paymentRequest": target["bolt11"]}})
    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (status, "text/html")
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_invoices_fail_in_the_payload_and_states_at_top_level(sandbox: SandboxServer, alice: GraphQL) -> None:
    bolt11 = alice.invoice()["paymentRequest"]
    sandbox.switch(invoice_error={"value": True, "next": 1}, status_error={"value": True, "next": 1})
    assert alice.create() == {"invoice": None, "errors": [PROVIDER]}
    answer = alice.ask(STATUS, {"input": {"paymentRequest": bolt11}})
    assert answer["data"] is None
    [error] = answer["errors"]
    assert error["message"] == PROVIDER["message"]
    assert error["extensions"] == {"service": "public"}
    assert alice.status(bolt11) == "PENDING"


def test_codes_are_dropped_or_kept_everywhere(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(invoice_error=True, error_codes="none")
    assert alice.create()["errors"][0]["code"] is None
    sandbox.switch(error_codes="all")
    answer = alice.anonymous().ask(ME)
    assert answer["errors"][0]["extensions"] == {"service": "public", "code": "NOT_AUTHORIZED"}


def test_a_minimum_is_an_ibex_error(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(minimum_sat=10_000)
    assert alice.create(210) == {"invoice": None, "errors": [PROVIDER]}
    target = sandbox.phone_invoice(9_999)
    assert alice.send(target["bolt11"]) == {"status": "FAILURE", "errors": [PROVIDER]}
    assert sandbox.payments(target["payment_hash"]) == []
    assert alice.send(sandbox.phone_invoice(10_000)["bolt11"])["status"] == "SUCCESS"


def test_the_provider_is_out(sandbox: SandboxServer, alice: GraphQL) -> None:
    alice.send(sandbox.phone_invoice(100)["bolt11"])
    target = sandbox.phone_invoice(100)
    sandbox.switch(ibex_outage=True)
    assert alice.create()["errors"] == [PROVIDER]
    assert alice.send(target["bolt11"]) == {"status": "FAILURE", "errors": [SEND_FAILED]}
    assert alice.rows() == []
    answer = alice.ask(ME)
    assert answer["data"]["me"]["defaultAccount"]["wallets"][0]["balance"] is None
    assert answer["errors"][0]["message"] == PROVIDER["message"]
    assert sandbox.payments(target["payment_hash"]) == []


def test_the_feed_is_empty_or_late(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(visibility_delay_s=0.6)
    alice.send(sandbox.phone_invoice(100)["bolt11"])
    assert alice.rows() == []
    eventually(lambda: len(alice.rows()) == 1)
    sandbox.switch(feed_empty=True)
    assert alice.rows() == []


def test_the_price_is_out_or_another(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(price_outage={"value": True, "next": 1})
    answer = alice.ask(PRICE, {"currency": "USD"})
    assert answer["data"] is None
    assert "PriceNotAvailableError" in answer["errors"][0]["message"]
    sandbox.api("PUT", "/api/price", {"btc_usd": 100_000, "rates": {"JMD": "150.5"}})
    try:
        price = alice.ask(PRICE, {"currency": "JMD"})["data"]["realtimePrice"]
        assert price["btcSatPrice"] == {"base": 15_050_000_000_000, "offset": 12}
        assert price["usdCentPrice"] == {"base": 150_500_000, "offset": 6}
    finally:
        sandbox.api("PUT", "/api/price", {"btc_usd": 63_500, "rates": {"JMD": 160}})


def test_the_exchange_takes_a_spread(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(fx_spread_ppm=10_000)
    invoice = alice.invoice(210)
    assert sandbox.api("POST", "/phone/api/read", {"text": invoice["paymentRequest"]})["max_sat"] == 3340


@pytest.mark.parametrize(
    "wanted",
    [
        {"nonsense": 1},
        {"world": "c"},
        {"minimum_sat": "many"},
        {"minimum_sat": -1},
        {"push_twice": 1},
        {"send": {"value": "normal", "next": 0}},
        {"send": {"value": "normal", "times": 2}},
        {"world": {"value": "a", "next": 1}},
    ],
)
def test_a_wrong_switch_is_refused_and_changes_nothing(sandbox: SandboxServer, wanted: dict[str, Any]) -> None:
    before = sandbox.api("GET", "/api/switches")
    assert "error" in sandbox.api("PUT", "/api/switches", {"feed_empty": True, **wanted}, ok=False)
    assert sandbox.api("GET", "/api/switches") == before


def test_the_log_tells_what_was_called(sandbox: SandboxServer, alice: GraphQL) -> None:
    alice.invoice()
    alice.anonymous().ask(ME)
    calls = sandbox.api("GET", "/api/log")["calls"]
    assert [(c["operations"], c["credential"], c["account"], c["status"]) for c in calls] == [
        (["lnUsdInvoiceCreate"], "key", alice.account["username"], 200),
        (["me"], "none", None, 200),
    ]
    assert sandbox.api("GET", f"/api/log?since={calls[0]['number']}")["calls"] == calls[1:]
