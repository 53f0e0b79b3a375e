"""Transactions and their details, with the peculiarities of Flash's own."""

import hashlib
import uuid

from tests.sandbox.client import TRANSACTIONS, GraphQL
from tests.sandbox_server import SandboxServer


def test_rows_carry_no_hash_and_no_memo_but_a_scaled_amount(sandbox: SandboxServer, alice: GraphQL) -> None:
    alice.send(sandbox.phone_invoice(1735, "secret")["bolt11"])
    [row] = alice.rows()
    assert uuid.UUID(row.pop("id"))
    assert isinstance(row.pop("createdAt"), int)
    assert row == {
        "__typename": "Transaction",
        "status": "SUCCESS",
        "direction": "SEND",
        "memo": None,
        "settlementAmount": -110,
        "settlementFee": 0,
        "settlementCurrency": "USDT",
        "settlementDisplayAmount": "-1.101725",
        "settlementDisplayFee": "0.00143256",
        "settlementDisplayCurrency": "USD",
        "settlementPrice": {"base": 1574, "offset": 0},
        "initiationVia": {"__typename": "InitiationViaLn", "paymentHash": ""},
        "settlementVia": {"__typename": "SettlementViaLn", "preImage": None},
    }


def test_usd_rows_follow_usdt_rows_and_count_in_dollars(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(cutover="PRE")
    sandbox.phone_pay(alice.create(635, walletId=alice.usd)["invoice"]["paymentRequest"])
    sandbox.switch(cutover="COMPLETE")
    sandbox.phone_pay(alice.invoice(1270)["paymentRequest"])
    rows = alice.rows()
    assert [(r["settlementCurrency"], r["settlementAmount"]) for r in rows] == [("USDT", 1270), ("USD", 6.35)]


def test_its_own_cursors_are_rejected_unless_switched(sandbox: SandboxServer, alice: GraphQL) -> None:
    for _ in range(3):
        sandbox.phone_pay(alice.invoice(50)["paymentRequest"])
    newest = alice.rows(first=1)[0]["id"]
    answer = alice.ask(TRANSACTIONS, {"first": 1, "after": newest})
    assert answer["data"]["me"]["defaultAccount"]["transactions"] is None
    assert answer["errors"][0]["message"] == 'Argument "after" must be a valid cursor'
    sandbox.switch(cursors="accepted")
    seen = [newest, alice.rows(first=1, after=newest)[0]["id"]]
    assert len({*seen, alice.rows(first=1, after=seen[1])[0]["id"]}) == 3


def test_more_than_a_hundred_rows_cannot_be_asked_for(alice: GraphQL) -> None:
    assert "between 1 and 100" in alice.ask(TRANSACTIONS, {"first": 101})["errors"][0]["message"]


def test_details_prove_a_payment_or_are_bare(sandbox: SandboxServer, alice: GraphQL) -> None:
    target = sandbox.phone_invoice(2000, "payout 7")
    alice.send(target["bolt11"])
    [row] = alice.rows()
    details = alice.details(row["id"])
    [payment] = sandbox.payments(target["payment_hash"])
    assert (details["paymentHash"], details["paymentPreimage"]) == (target["payment_hash"], payment["preimage"])
    assert (details["invoice"], details["memo"], details["amount"]) == (target["bolt11"], "payout 7", 1.27)
    assert details["createdAt"].endswith("Z")
    sandbox.switch(details="bare")
    bare = alice.details(row["id"])
    assert (bare["paymentHash"], bare["paymentPreimage"], bare["invoice"]) == (None, None, None)
    assert (bare["amount"], bare["fee"]) == (details["amount"], details["fee"])


def test_mixed_details_carry_the_preimage_of_another_payment(sandbox: SandboxServer, alice: GraphQL) -> None:
    target = sandbox.phone_invoice(2000)
    alice.send(target["bolt11"])
    [row] = alice.rows()
    sandbox.switch(details="mixed")
    mixed = alice.details(row["id"])
    assert (mixed["paymentHash"], mixed["invoice"]) == (target["payment_hash"], target["bolt11"])
    assert hashlib.sha256(bytes.fromhex(mixed["paymentPreimage"])).hexdigest() != target["payment_hash"]


def test_a_busy_wallets_feed_shows_the_newest_rows_and_details_tell_of_the_others(
    sandbox: SandboxServer, alice: GraphQL
) -> None:
    targets = [sandbox.phone_invoice(2000) for _ in range(3)]
    for target in targets:
        alice.send(target["bolt11"])
    oldest = alice.rows()[-1]["id"]
    sandbox.switch(feed_rows=2)
    rows = [row["id"] for row in alice.rows()]
    assert (len(rows), oldest in rows) == (2, False)
    assert alice.details(oldest)["paymentHash"] == targets[0]["payment_hash"]


def test_details_are_one_per_request(alice: GraphQL) -> None:
    fields = " ".join(
        f'{n}: transactionDetails(input: {{transactionId: "x"}}) {{ errors {{ message }} }}' for n in "ab"
    )
    assert "maximum complexity" in alice.ask(f"{{ {fields} }}")["errors"][0]["message"]
