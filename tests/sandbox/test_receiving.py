"""Invoices of the sandbox: real, short-lived, and told about as Flash tells."""

import hashlib

from bolt11 import decode

from tests.sandbox.client import CREATE, MY_UPDATES, ON_BEHALF, STATUS, STATUS_NEWS, GraphQL, socket_open
from tests.sandbox_server import SandboxServer


def test_it_signs_a_real_invoice_of_its_own_network_that_lives_a_minute(alice: GraphQL) -> None:
    payload = alice.create(210)
    assert payload["errors"] == []
    assert payload["invoice"]["satoshis"] is None
    invoice = decode(payload["invoice"]["paymentRequest"])
    assert invoice.currency == "bcrt"
    assert invoice.amount_msat == 3_307_000  # 210 cents at 63,500 dollars
    assert invoice.expiry == 60
    assert invoice.description == "Order 1001"
    assert invoice.payment_hash == payload["invoice"]["paymentHash"]


def test_an_amount_of_zero_gives_an_invoice_without_amount(alice: GraphQL) -> None:
    assert decode(alice.create(0)["invoice"]["paymentRequest"]).amount_msat is None


def test_a_payment_by_the_phone_is_seen_by_polling_with_balance_and_preimage(
    sandbox: SandboxServer, alice: GraphQL
) -> None:
    before = alice.balance()
    invoice = alice.invoice(210)
    assert alice.status(invoice["paymentRequest"]) == "PENDING"
    entry = sandbox.phone_pay(f"lightning:{invoice['paymentRequest'].upper()}")
    assert entry["state"] == "sent"
    assert alice.status(invoice["paymentRequest"]) == "PAID"
    assert alice.balance() == before + 209.9945  # 3,307 sats at 0.0635 cents
    [payment] = sandbox.payments(invoice["paymentHash"])
    assert (payment["from"], payment["to"], payment["amount_sat"]) == ("phone", alice.account["username"], 3307)
    assert hashlib.sha256(bytes.fromhex(payment["preimage"])).hexdigest() == invoice["paymentHash"]


def test_both_subscriptions_hear_of_a_payment(sandbox: SandboxServer, alice: GraphQL) -> None:
    invoice = alice.invoice()
    with socket_open(sandbox, alice.account["session_token"]) as socket:
        socket.subscribe(STATUS_NEWS, {"input": {"paymentRequest": invoice["paymentRequest"]}})
        assert socket.hear_status() == "PENDING"
        socket.subscribe(MY_UPDATES, key="2")
        assert socket.hear_data()["myUpdates"]["update"]["type"] == "Price"
        assert socket.hear_data()["myUpdates"]["update"]["type"] == "RealtimePrice"
        sandbox.phone_pay(invoice["paymentRequest"])
        heard = {m["id"]: m["payload"]["data"] for m in (socket.hear(), socket.hear())}
        assert heard["1"]["lnInvoicePaymentStatus"] == {"status": "PAID", "errors": []}
        update = heard["2"]["myUpdates"]["update"]
        assert (update["type"], update["paymentHash"], update["status"]) == ("LnUpdate", invoice["paymentHash"], "PAID")
        assert heard["2"]["myUpdates"]["me"] == {"username": alice.account["username"]}


def test_expired_is_said_even_after_paid_and_only_an_unpaid_invoice_is_expired(
    sandbox: SandboxServer, alice: GraphQL
) -> None:
    sandbox.switch(invoice_life_s=2)
    paid, unpaid = alice.invoice(), alice.invoice()
    with socket_open(sandbox) as socket:
        socket.subscribe(STATUS_NEWS, {"input": {"paymentRequest": paid["paymentRequest"]}})
        assert socket.hear_status() == "PENDING"
        sandbox.phone_pay(paid["paymentRequest"])
        assert socket.hear_status() == "PAID"
        assert socket.hear_status() == "EXPIRED"
    assert alice.status(paid["paymentRequest"]) == "PAID"
    assert alice.status(unpaid["paymentRequest"]) == "EXPIRED"
    refused = sandbox.api("POST", "/phone/api/pay", {"text": unpaid["paymentRequest"]}, ok=False)
    assert "expired" in refused["error"]
    assert sandbox.payments(unpaid["paymentHash"]) == []


def test_anybody_may_create_an_invoice_on_behalf_of_a_recipient(alice: GraphQL) -> None:
    given = {"recipientWalletId": alice.usdt, "amount": 210}
    payload = alice.anonymous().ask(ON_BEHALF, {"input": given})["data"]["lnUsdInvoiceCreateOnBehalfOfRecipient"]
    assert payload["errors"] == []
    assert alice.anonymous().status(payload["invoice"]["paymentRequest"]) == "PENDING"


def test_without_a_credential_an_own_invoice_is_not_authorized(alice: GraphQL) -> None:
    answer = alice.anonymous().ask(CREATE, {"input": {"walletId": alice.usdt, "amount": 1}})
    assert answer == {
        "data": None,
        "errors": [{"message": "Not authorized", "path": ["lnUsdInvoiceCreate"], "extensions": {"service": "public"}}],
    }


def test_invalid_scalars_are_answered_inside_the_payload(alice: GraphQL) -> None:
    for field, value, message in (
        ("walletId", "nonsense", "Invalid value for WalletId"),
        ("amount", "much", "Invalid value for FractionalCentAmount"),
        ("memo", "é" * 320, "Memo is too long"),
    ):
        payload = alice.create(**{"cents": 1, field: value} if field != "amount" else {"cents": value})
        assert payload == {"invoice": None, "errors": [{"message": message, "code": None, "path": None}]}


def test_a_wallet_of_somebody_else_is_refused(sandbox: SandboxServer, alice: GraphQL) -> None:
    bob = sandbox.account()
    [error] = alice.create(walletId=bob["wallets"]["USDT"])["errors"]
    assert "InvalidWalletForAccountError" in error["message"]
    [error] = alice.create(walletId="00000000-0000-4000-8000-000000000000")["errors"]
    assert "CouldNotFindWalletFromIdError" in error["message"]


def test_the_state_of_damaged_and_unknown_invoices_is_a_top_level_error_without_code(alice: GraphQL) -> None:
    bolt11 = alice.invoice()["paymentRequest"]
    damaged = bolt11[:-1] + ("q" if bolt11[-1] != "q" else "p")
    answer = alice.ask(STATUS, {"input": {"paymentRequest": damaged}})
    assert answer == {
        "data": None,
        "errors": [
            {
                "message": "Invoice has an invalid checksum, please check again",
                "path": ["lnInvoicePaymentStatus"],
                "extensions": {"service": "public"},
            }
        ],
    }


def test_sixty_invoices_are_asked_about_in_one_request(alice: GraphQL) -> None:
    bolt11 = alice.invoice()["paymentRequest"]
    fields = " ".join(f"i{n}: lnInvoicePaymentStatus(input: {{paymentRequest: $p}}) {{ status }}" for n in range(60))
    data = alice.ask(f"query($p: LnPaymentRequest!) {{ {fields} }}", {"p": bolt11})["data"]
    assert {entry["status"] for entry in data.values()} == {"PENDING"}
    assert len(data) == 60
