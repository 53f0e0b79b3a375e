from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from flashpay.flash import (
    ApiKey,
    Endpoint,
    Flash,
    InvoiceStatus,
    MustWait,
    Outcome,
    SessionToken,
    SettingsWrong,
    Unknown,
    Username,
)
from tests.flash.conftest import API_KEY, SESSION_TOKEN
from tests.flash.loopback import Asked, Loopback, Reply

WALLET = "e0eee682-2631-4081-a51e-9ebcada3b24b"
HASH = "8862fa7f4dcea0533952783bda143ff7fb7242a9573ac74f1ff944a601f02319"
ME = {
    "username": "shop",
    "defaultAccount": {
        "defaultWalletId": "11111111-2631-4081-a51e-9ebcada3b24b",
        "displayCurrency": "JMD",
        "wallets": [
            {"id": "11111111-2631-4081-a51e-9ebcada3b24b", "walletCurrency": "USD", "balance": 0},
            {"id": WALLET, "walletCurrency": "USDT", "balance": 109.9346},
            {"id": "22222222-2631-4081-a51e-9ebcada3b24b", "walletCurrency": "BTC", "balance": None},
        ],
    },
}
INVOICE = {"invoice": {"paymentRequest": "lnbc33070n1abc", "paymentHash": HASH}, "errors": []}


def test_it_reads_the_account_and_chooses_the_usdt_wallet(service: Loopback, wallet: Flash) -> None:
    service.replies = [Reply({"data": {"me": ME}})]
    account = wallet.account()
    assert (account.username, account.display_currency) == ("shop", "JMD")
    assert account.cash_wallet is not None
    assert account.cash_wallet.id == WALLET
    assert account.cash_wallet.balance_cents == Decimal("109.9346")


def test_a_balance_that_flash_could_not_read_leaves_the_rest_of_the_account_readable(
    service: Loopback, wallet: Flash
) -> None:
    me = json.loads(json.dumps(ME))
    me["defaultAccount"]["wallets"][1]["balance"] = None
    error = {"message": "An error occurred. Contact support if error persists.", "path": ["me", "defaultAccount"]}
    service.replies = [Reply({"data": {"me": me}, "errors": [error]})]
    assert wallet.account().cash_wallet is not None
    assert wallet.account().cash_wallet.balance_cents is None  # type: ignore[union-attr]


def test_a_key_that_may_not_read_wallets_still_finds_its_default_wallet(service: Loopback, wallet: Flash) -> None:
    denied = {"message": "API key missing required scope: read:wallet", "extensions": {"service": "public"}}
    bare = {"me": {"username": "shop", "defaultAccount": {"defaultWalletId": WALLET, "displayCurrency": "USD"}}}
    service.replies = [Reply({"data": {"me": None}, "errors": [denied]}), Reply({"data": bare})]
    account = wallet.account()
    assert (account.default_wallet_id, account.wallets) == (WALLET, ())


def test_each_credential_goes_in_its_own_header_and_no_other(service: Loopback, endpoint: Endpoint) -> None:
    service.replies = [Reply({"data": {"me": ME}})]
    Flash(endpoint, ApiKey(API_KEY)).account()
    Flash(endpoint, SessionToken(SESSION_TOKEN)).account()
    keyed, bearer = (asked.headers for asked in service.asked)
    assert keyed["X-API-KEY"] == API_KEY
    assert "Authorization" not in keyed
    assert bearer["Authorization"] == f"Bearer {SESSION_TOKEN}"
    assert "X-API-KEY" not in bearer
    for headers in (keyed, bearer):
        assert headers["X-Flash-Client-Capabilities"] == "cash-wallet-usdt-v1"


def test_questions_that_anybody_may_ask_carry_no_credential(service: Loopback, wallet: Flash) -> None:
    service.replies = [Reply({"data": {"lnInvoicePaymentStatus": {"status": "PAID", "errors": []}}})]
    assert wallet.invoice_status("lnbc1x") is InvoiceStatus.PAID
    assert "X-API-KEY" not in service.asked[0].headers


def test_a_username_receives_without_any_secret(service: Loopback, endpoint: Endpoint) -> None:
    public = {"accountDefaultWallet": {"id": WALLET, "walletCurrency": "USDT"}}
    service.replies = [
        Reply({"data": public}),
        Reply({"data": {"lnUsdInvoiceCreateOnBehalfOfRecipient": INVOICE}}),
    ]
    shop = Flash(endpoint, Username("shop"))
    account = shop.account()
    assert (account.username, account.default_wallet_id) == ("shop", WALLET)
    assert shop.invoice_create(wallet_id=WALLET, amount_cents=Decimal(210)).payment_hash == HASH
    sent = service.asked[1].body["variables"]["input"]
    assert sent == {"recipientWalletId": WALLET, "amount": 210, "expiresIn": 1}
    assert not {"X-Api-Key", "Authorization"} & {name.title() for name in service.asked[1].headers}


def test_fractions_of_a_cent_travel_digit_by_digit(service: Loopback, wallet: Flash) -> None:
    service.replies = [Reply({"data": {"lnUsdInvoiceCreate": INVOICE}})]
    wallet.invoice_create(wallet_id=WALLET, amount_cents=Decimal("210.12345678"), memo="Order 1001")
    assert '"amount":210.12345678,' in service.asked[0].text.replace(" ", "")


def test_an_amount_that_json_cannot_say_is_refused_before_anything_is_sent(service: Loopback, wallet: Flash) -> None:
    for amount in ("0.12345678901234567890123", "NaN", "Infinity"):
        with pytest.raises(ValueError):
            wallet.invoice_create(wallet_id=WALLET, amount_cents=Decimal(amount))
    assert service.asked == []


def test_connections_are_kept_between_calls_but_a_sending_gets_a_fresh_one(service: Loopback, wallet: Flash) -> None:
    sent = {"lnInvoicePaymentSend": {"status": "SUCCESS", "errors": []}}
    service.replies = [
        lambda asked: Reply({"data": sent} if "PaymentSend" in asked.text else {"data": {"me": ME}})  # type: ignore[list-item]
    ]
    wallet.account()
    wallet.account()
    for _ in range(2):
        wallet.invoice_send(wallet_id=WALLET, bolt11="lnbc1x", idempotency_key="k")
    connections = [asked.connection for asked in service.asked]
    assert connections[0] == connections[1]
    assert len(set(connections)) == 3


def test_a_price_is_base_over_ten_to_the_offset(service: Loopback, wallet: Flash) -> None:
    for timestamp in (1787000000, "1787000000", "2026-08-17T20:53:20.000Z", 1787000000000):
        price = {
            "timestamp": timestamp,
            "denominatorCurrency": "JMD",
            "btcSatPrice": {"base": 10160000000000, "offset": 12},
            "usdCentPrice": {"base": 160000000, "offset": 6},
        }
        service.replies = [Reply({"data": {"realtimePrice": price}})]
        read = wallet.price("jmd")
        assert (read.minor_per_sat, read.minor_per_usd_cent) == (Decimal("10.16"), Decimal(160))
        assert read.at == datetime.fromtimestamp(1787000000, UTC)


def test_a_transaction_without_hash_is_read_as_having_none(service: Loopback, wallet: Flash) -> None:
    node = {
        "id": "3ba8081c-0e69-4218-9219-84486042fa5b",
        "status": "SUCCESS",
        "direction": "SEND",
        "createdAt": 1786771992,
        "settlementCurrency": "USDT",
        "settlementDisplayAmount": "-1.10237620493",
        "settlementDisplayFee": "0.001423690928",
        "settlementDisplayCurrency": "USD",
        "initiationVia": {"__typename": "InitiationViaLn", "paymentHash": ""},
        "settlementVia": {"__typename": "SettlementViaLn", "preImage": None},
    }
    service.replies = [Reply({"data": {"me": {"defaultAccount": {"transactions": {"edges": [{"node": node}]}}}}})]
    (row,) = wallet.transactions(first=500)
    assert (row.amount, row.payment_hash, row.preimage) == (Decimal("-1.10237620493"), None, None)
    assert service.asked[0].body["variables"] == {"first": 100}


def test_transaction_details_read_iso_times_and_decimal_amounts(service: Loopback, wallet: Flash) -> None:
    details = {
        "id": "3ba8",
        "amount": 1.10237620493,
        "createdAt": "2026-08-15T06:13:12.000Z",
        "paymentHash": HASH.upper(),
    }
    service.replies = [Reply({"data": {"transactionDetails": {"transactionDetails": details, "errors": []}}})]
    read = wallet.transaction_details("3ba8")
    assert read.amount == Decimal("1.10237620493")
    assert read.created_at == datetime(2026, 8, 15, 6, 13, 12, tzinfo=UTC)
    assert (read.payment_hash, read.preimage, read.bolt11) == (HASH, None, None)


def test_an_answer_with_a_shape_that_flash_never_promised_is_unknown_not_guessed(
    service: Loopback, wallet: Flash
) -> None:
    for data in ({"lnInvoicePaymentStatus": {"status": "MAYBE", "errors": []}}, {"lnInvoicePaymentStatus": {}}):
        service.replies = [Reply({"data": data})]
        with pytest.raises(Unknown):
            wallet.invoice_status("lnbc1x")


def test_a_wrong_key_is_a_matter_of_settings_whatever_the_body_of_the_401(service: Loopback, wallet: Flash) -> None:
    html = "<html><head><title>401 Authorization Required</title></head></html>"
    for body in (html, {"error": {"code": 401, "message": "denied"}}, {"data": None, "errors": [{"message": "x"}]}):
        service.replies = [Reply(body, status=401)]
        with pytest.raises(SettingsWrong) as caught:
            wallet.account()
        assert "connect the wallet again" in str(caught.value)
        reply = wallet.invoice_send(wallet_id=WALLET, bolt11="lnbc1x", idempotency_key="k")
        assert reply.outcome is Outcome.NOT_SENT


def test_the_invoice_limit_says_how_long_to_wait(service: Loopback, wallet: Flash) -> None:
    error = {
        "message": "Too many invoices creation, please wait for a while and try again.",
        "code": "TOO_MANY_REQUEST",
    }
    service.replies = [Reply({"data": {"lnUsdInvoiceCreate": {"invoice": None, "errors": [error]}}})]
    with pytest.raises(MustWait) as caught:
        wallet.invoice_create(wallet_id=WALLET, amount_cents=Decimal(1))
    assert caught.value.retry_after_s == 300


# --- Batches --------------------------------------------------------------------------------------------------------


def _batch_service(statuses: dict[str, str], failing: set[str]) -> object:
    """Answers as Flash's schema makes it: one alias that fails turns the whole data into null."""

    def answer(asked: Asked) -> Reply:
        wanted = {alias: field["paymentRequest"] for alias, field in asked.body["variables"].items()}
        errors = [
            {"message": "An error occurred. Contact support if error persists.", "path": [alias]}
            for alias, bolt11 in wanted.items()
            if bolt11 in failing
        ]
        if errors:
            return Reply({"data": None, "errors": errors[:1]})
        return Reply({"data": {alias: {"status": statuses[bolt11]} for alias, bolt11 in wanted.items()}})

    return answer


def test_sixty_statuses_come_in_one_request(service: Loopback, wallet: Flash) -> None:
    statuses = {f"lnbc1{number}": ["PENDING", "PAID", "EXPIRED"][number % 3] for number in range(60)}
    service.replies = [_batch_service(statuses, set())]  # type: ignore[list-item]
    assert wallet.invoice_statuses(list(statuses)) == {key: InvoiceStatus(value) for key, value in statuses.items()}
    assert len(service.asked) == 1


def test_two_bad_invoices_do_not_hide_the_others(service: Loopback, wallet: Flash) -> None:
    statuses = {f"lnbc1{number}": "PAID" for number in range(10)}
    service.replies = [_batch_service(statuses, {"lnbc13", "lnbc17"})]  # type: ignore[list-item]
    found = wallet.invoice_statuses(list(statuses))
    assert {key for key, value in found.items() if isinstance(value, Unknown)} == {"lnbc13", "lnbc17"}
    assert sum(value is InvoiceStatus.PAID for value in found.values()) == 8
    assert len(service.asked) == 3


def test_an_outage_costs_a_batch_four_requests_at_most_and_leaves_nobody_out(service: Loopback, wallet: Flash) -> None:
    bolt11s = [f"lnbc1{number}" for number in range(60)]
    service.replies = [_batch_service({}, set(bolt11s))]  # type: ignore[list-item]
    found = wallet.invoice_statuses(bolt11s)
    assert set(found) == set(bolt11s)
    assert all(isinstance(value, Unknown) for value in found.values())
    assert len(service.asked) == 4


def test_a_batch_larger_than_sixty_is_refused(service: Loopback, wallet: Flash) -> None:
    with pytest.raises(ValueError):
        wallet.invoice_statuses([f"lnbc1{number}" for number in range(61)])
    assert service.asked == []


def test_the_kept_client_is_the_same_for_the_same_wallet_and_shows_no_secret(endpoint: Endpoint) -> None:
    first, second = (Flash.open(endpoint, ApiKey(API_KEY)) for _ in range(2))
    assert first is second
    assert API_KEY not in repr(first) + repr(first.credential) + str(first.credential)
