"""A small GraphQL client for these tests: it sends exactly what it is told to and hides nothing of the answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.sandbox_server import SandboxServer

CAPABLE = {"X-Flash-Client-Capabilities": "cash-wallet-usdt-v1"}

ME = "query { me { id username defaultAccount { id defaultWalletId displayCurrency wallets { __typename id walletCurrency balance } } } }"
CREATE = """mutation c($input: LnUsdInvoiceCreateInput!) { lnUsdInvoiceCreate(input: $input) {
  invoice { paymentRequest paymentHash paymentSecret satoshis } errors { message code path } } }"""
ON_BEHALF = """mutation c($input: LnUsdInvoiceCreateOnBehalfOfRecipientInput!) { lnUsdInvoiceCreateOnBehalfOfRecipient(input: $input) {
  invoice { paymentRequest paymentHash } errors { message code path } } }"""
STATUS = "query s($input: LnInvoicePaymentStatusInput!) { lnInvoicePaymentStatus(input: $input) { status errors { message code } } }"
STATUS_NEWS = STATUS.replace("query", "subscription", 1)
SEND = "mutation s($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) { status errors { message path code } } }"
SEND_NO_AMOUNT = """mutation s($input: LnNoAmountUsdInvoicePaymentInput!) { lnNoAmountUsdInvoicePaymentSend(input: $input) {
  status errors { message path code } } }"""
MY_UPDATES = """subscription { myUpdates { errors { message } me { username } update { type: __typename
  ... on LnUpdate { paymentHash status walletId } ... on RealtimePrice { denominatorCurrency } } } }"""
PRICE = """query p($currency: DisplayCurrency!) { realtimePrice(currency: $currency) { timestamp denominatorCurrency
  btcSatPrice { base offset } usdCentPrice { base offset } } }"""
TRANSACTIONS = """query t($first: Int, $after: String) { me { defaultAccount { transactions(first: $first, after: $after) {
  pageInfo { hasNextPage endCursor } edges { cursor node { __typename id status direction memo createdAt settlementAmount settlementFee
  settlementCurrency settlementDisplayAmount settlementDisplayFee settlementDisplayCurrency settlementPrice { base offset }
  initiationVia { __typename ... on InitiationViaLn { paymentHash } }
  settlementVia { __typename ... on SettlementViaLn { preImage } } } } } } } }"""
DETAILS = """query d($input: TransactionDetailsInput!) { transactionDetails(input: $input) { errors { message } transactionDetails {
  id amount fee currency status type createdAt invoice paymentHash paymentPreimage memo } } }"""


class GraphQL:
    """One client of the sandbox; `credential` is "key", "session" or "none"."""

    def __init__(self, sandbox: SandboxServer, account: dict[str, Any], *, credential: str = "key") -> None:
        self.sandbox = sandbox
        self.account = account
        self.usdt = account["wallets"]["USDT"]
        self.usd = account["wallets"]["USD"]
        self.credential = credential

    def with_session(self) -> "GraphQL":
        return GraphQL(self.sandbox, self.account, credential="session")

    def anonymous(self) -> "GraphQL":
        return GraphQL(self.sandbox, self.account, credential="none")

    def headers(self) -> dict[str, str]:
        if self.credential == "key":
            return {**CAPABLE, "X-API-KEY": self.account["api_key"]}
        if self.credential == "session":
            return {**CAPABLE, "Authorization": f"Bearer {self.account['session_token']}"}
        return dict(CAPABLE)

    def post(
        self, query: str, variables: dict[str, Any] | None = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        body = {"query": query, "variables": variables or {}}
        shown = self.headers() if headers is None else headers
        return httpx.post(self.sandbox.graphql_url, json=body, headers=shown, timeout=30, trust_env=False)

    def ask(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self.post(query, variables)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def create(self, cents: float | str = 210, **more: Any) -> dict[str, Any]:
        """`lnUsdInvoiceCreate`'s payload."""
        given = {"walletId": self.usdt, "amount": cents, "memo": "Order 1001", "expiresIn": 1, **more}
        payload: dict[str, Any] = self.ask(CREATE, {"input": given})["data"]["lnUsdInvoiceCreate"]
        return payload

    def invoice(self, cents: float | str = 210) -> dict[str, Any]:
        """A fresh invoice: paymentRequest, paymentHash …"""
        invoice: dict[str, Any] = self.create(cents)["invoice"]
        return invoice

    def status(self, bolt11: str) -> str:
        status: str = self.ask(STATUS, {"input": {"paymentRequest": bolt11}})["data"]["lnInvoicePaymentStatus"][
            "status"
        ]
        return status

    def send(self, bolt11: str, *, key: str | None = None, wallet: str | None = None) -> dict[str, Any]:
        """`lnInvoicePaymentSend`'s payload."""
        given = {"walletId": wallet or self.usdt, "paymentRequest": bolt11} | ({"idempotencyKey": key} if key else {})
        payload: dict[str, Any] = self.ask(SEND, {"input": given})["data"]["lnInvoicePaymentSend"]
        return payload

    def balance(self) -> float:
        """Cents in the USDT wallet, exactly."""
        found = self.sandbox.api("GET", f"/api/accounts/{self.account['username']}")
        return float(found["balances_cents"]["USDT"])

    def rows(self, **page: Any) -> list[dict[str, Any]]:
        connection = self.ask(TRANSACTIONS, page)["data"]["me"]["defaultAccount"]["transactions"]
        return [edge["node"] for edge in connection["edges"]]

    def details(self, transaction_id: str) -> dict[str, Any]:
        payload = self.ask(DETAILS, {"input": {"transactionId": transaction_id}})["data"]["transactionDetails"]
        details: dict[str, Any] = payload["transactionDetails"]
        return details


class Socket:
    """One `graphql-transport-ws` connection, spoken word by word."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def hear(self, timeout: float = 5) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout))
        return message

    def subscribe(self, query: str, variables: dict[str, Any] | None = None, *, key: str = "1") -> None:
        self.say(id=key, type="subscribe", payload={"query": query, "variables": variables or {}})

    def hear_data(self, timeout: float = 5) -> dict[str, Any]:
        message = self.hear(timeout)
        assert message["type"] == "next", message
        data: dict[str, Any] = message["payload"]["data"]
        return data

    def hear_status(self, timeout: float = 5) -> str:
        status: str = self.hear_data(timeout)["lnInvoicePaymentStatus"]["status"]
        return status


@contextmanager
def socket_raw(sandbox: SandboxServer, *protocols: str, **options: Any) -> Iterator[Socket]:
    wanted = [Subprotocol(name) for name in protocols or ("graphql-transport-ws",)]
    with connect(sandbox.ws_url, subprotocols=wanted, proxy=None, close_timeout=1, **options) as connection:
        yield Socket(connection)


@contextmanager
def socket_open(sandbox: SandboxServer, token: str | None = None, **options: Any) -> Iterator[Socket]:
    """A connection past its acknowledgement."""
    with socket_raw(sandbox, **options) as socket:
        socket.say(type="connection_init", payload={"Authorization": f"Bearer {token}"} if token else {})
        assert socket.hear()["type"] == "connection_ack"
        yield socket
