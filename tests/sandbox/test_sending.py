"""Sends: what is answered, what happens to the money, and what idempotency keys guard."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.client import SEND_NO_AMOUNT, GraphQL
from tests.sandbox_server import SandboxServer


def phone_balance(sandbox: SandboxServer) -> int:
    balance: int = sandbox.api("GET", "/phone/api/history")["balance_sat"]
    return balance


def test_it_pays_an_invoice_of_the_phone_with_a_fee(sandbox: SandboxServer, alice: GraphQL) -> None:
    phone, before = phone_balance(sandbox), alice.balance()
    target = sandbox.phone_invoice(2000, "payout")
    assert alice.send(target["bolt11"], key="one") == {"status": "SUCCESS", "errors": []}
    assert phone_balance(sandbox) == phone + 2000
    assert alice.balance() == pytest.approx(before - 127 - 0.1651)  # 2,000 sats and 0.13 %
    [payment] = sandbox.payments(target["payment_hash"])
    assert payment["amount_sat"] == 2000
    assert payment["fee_msat"] == 2600


def test_the_same_key_gives_the_same_answer_and_pays_once(sandbox: SandboxServer, alice: GraphQL) -> None:
    target, other = sandbox.phone_invoice(1500), sandbox.phone_invoice(1600)
    assert alice.send(target["bolt11"], key="k")["status"] == "SUCCESS"
    assert alice.send(target["bolt11"], key="k")["status"] == "SUCCESS"
    assert len(sandbox.payments(target["payment_hash"])) == 1
    refused = alice.send(other["bolt11"], key="k")
    assert refused["status"] == "FAILURE"
    assert refused["errors"][0]["code"] == "INVALID_INPUT"
    assert sandbox.payments(other["payment_hash"]) == []


def test_a_second_pay_without_a_key_fails_without_saying_already_paid(sandbox: SandboxServer, alice: GraphQL) -> None:
    target = sandbox.phone_invoice(1500)
    assert alice.send(target["bolt11"])["status"] == "SUCCESS"
    message = "An unexpected error occurred. Please try again later."
    assert alice.send(target["bolt11"]) == {
        "status": "FAILURE",
        "errors": [{"message": message, "path": None, "code": None}],
    }
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_a_key_is_busy_while_its_send_is_under_way(sandbox: SandboxServer, alice: GraphQL) -> None:
    target = sandbox.phone_invoice(1500)
    sandbox.switch(send_takes_s={"value": 1.0, "next": 2})
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: alice.send(target["bolt11"], key="busy"), range(2)))
    assert sorted(a["status"] for a in answers) == ["FAILURE", "SUCCESS"]
    [error] = next(a for a in answers if a["status"] == "FAILURE")["errors"]
    assert error["code"] == "UNEXPECTED_CLIENT_ERROR"
    assert "ResourceAttemptsLockServiceError" in error["message"]
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_a_short_balance_is_told_in_dollars_and_nothing_moves(sandbox: SandboxServer) -> None:
    poor = GraphQL(sandbox, sandbox.account(balance_cents=500))
    target = sandbox.phone_invoice(20_000)
    [error] = poor.send(target["bolt11"])["errors"]
    assert error["code"] == "INSUFFICIENT_BALANCE"
    assert error["message"].startswith("insufficient balance. Current Balance: 5.000000. Estimated Fee: 0.0165")
    assert error["message"].endswith("invoice amount: 12.700000")
    assert poor.balance() == 500
    assert sandbox.payments(target["payment_hash"]) == []


def test_the_legacy_usd_wallet_is_empty_after_the_move_to_usdt(sandbox: SandboxServer, alice: GraphQL) -> None:
    target = sandbox.phone_invoice(1500)
    assert alice.send(target["bolt11"], wallet=alice.usd)["errors"][0]["code"] == "INSUFFICIENT_BALANCE"
    assert sandbox.payments(target["payment_hash"]) == []


def test_an_invoice_without_amount_is_paid_in_cents(sandbox: SandboxServer, alice: GraphQL) -> None:
    phone = phone_balance(sandbox)
    target = sandbox.phone_invoice(None)
    given = {"walletId": alice.usdt, "paymentRequest": target["bolt11"], "amount": 600}
    assert alice.ask(SEND_NO_AMOUNT, {"input": given})["data"]["lnNoAmountUsdInvoicePaymentSend"]["status"] == "SUCCESS"
    assert phone_balance(sandbox) == phone + 9448
    again = alice.ask(SEND_NO_AMOUNT, {"input": given})["data"]["lnNoAmountUsdInvoicePaymentSend"]
    assert again["errors"][0]["code"] == "LIGHTNING_PAYMENT_ERROR"
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_one_account_pays_another_without_a_fee(sandbox: SandboxServer, alice: GraphQL) -> None:
    bob = GraphQL(sandbox, sandbox.account())
    before = alice.balance()
    assert alice.send(bob.invoice(210)["paymentRequest"])["status"] == "SUCCESS"
    assert alice.balance() == before - 209.9945
    assert bob.balance() == 209.9945


def test_where_keys_are_forgotten_a_repetition_is_refused_by_the_provider(
    sandbox: SandboxServer, alice: GraphQL
) -> None:
    target = sandbox.phone_invoice(1500)
    assert alice.send(target["bolt11"], key="lost")["status"] == "SUCCESS"
    sandbox.switch(keys_forgotten={"value": True, "next": 1})
    assert alice.send(target["bolt11"], key="lost")["status"] == "FAILURE"
    assert len(sandbox.payments(target["payment_hash"])) == 1
