"""The HTTP edge: refusals of the gateway and the router, and the shapes of their answers."""

import uuid

import httpx
import pytest

from tests.sandbox.client import CREATE, ME, PRICE, STATUS, GraphQL
from tests.sandbox_server import SandboxServer


def test_me_looks_as_at_flash(alice: GraphQL) -> None:
    data = alice.ask(ME)["data"]["me"]
    assert uuid.UUID(data["id"])
    assert data["username"] == alice.account["username"]
    assert data["defaultAccount"]["defaultWalletId"] == alice.usdt
    assert data["defaultAccount"]["wallets"] == [
        {"__typename": "UsdtWallet", "id": alice.usdt, "walletCurrency": "USDT", "balance": 100_000}
    ]


def test_an_old_client_sees_the_legacy_wallet_with_the_balance_of_the_new(alice: GraphQL) -> None:
    answer = alice.post(ME, headers={"X-API-KEY": alice.account["api_key"]}).json()
    account = answer["data"]["me"]["defaultAccount"]
    assert account["defaultWalletId"] == alice.usd
    assert account["wallets"] == [
        {"__typename": "UsdWallet", "id": alice.usd, "walletCurrency": "USD", "balance": 100_000}
    ]


def test_before_the_move_there_is_only_the_usd_wallet(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(cutover="PRE")
    [wallet] = alice.ask(ME)["data"]["me"]["defaultAccount"]["wallets"]
    assert (wallet["__typename"], wallet["balance"]) == ("UsdWallet", 0)
    sandbox.switch(cutover="IN_PROGRESS")
    assert alice.create()["errors"][0]["message"] == "Cash Wallet cutover is in progress. Please try again shortly."
    assert alice.ask("{ cashWalletCutover { state } }")["data"]["cashWalletCutover"]["state"] == "IN_PROGRESS"


def test_without_a_credential_me_is_not_authorized_in_an_answer_of_200(alice: GraphQL) -> None:
    assert alice.anonymous().ask(ME) == {
        "data": {"me": None},
        "errors": [{"message": "Not authorized", "path": ["me"], "extensions": {"service": "public"}}],
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer ory_st_wrong"},
        {"X-API-KEY": "fk_00000000_" + "x" * 64},
    ],
)
def test_a_wrong_credential_is_a_401_page(sandbox: SandboxServer, alice: GraphQL, headers: dict[str, str]) -> None:
    query = "{ globals { network } }"
    response = alice.post(query, headers=headers)
    assert response.status_code == 401
    assert "<h1>401 Authorization Required</h1>" in response.text
    sandbox.switch(unauthorized_body="json")
    response = alice.post(query, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, 401)


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"X-API-KEY": ""}])
def test_an_empty_credential_counts_as_none(alice: GraphQL, headers: dict[str, str]) -> None:
    assert alice.post("{ globals { network } }", headers=headers).json() == {
        "data": {"globals": {"network": "regtest"}}
    }


def test_a_revoked_key_opens_nothing(sandbox: SandboxServer, alice: GraphQL) -> None:
    renewed = sandbox.api("PUT", f"/api/accounts/{alice.account['username']}", {"renew": True})
    assert alice.post(ME).status_code == 401
    assert GraphQL(sandbox, renewed).ask(ME)["data"]["me"]


def test_a_key_without_the_scope_is_told_which(sandbox: SandboxServer) -> None:
    reader = GraphQL(sandbox, sandbox.account(scopes=["read:user"]))
    answer = reader.ask(CREATE, {"input": {"walletId": reader.usdt, "amount": 1}})
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "API key missing required scope: write:wallet"
    assert reader.ask("{ me { username } }")["data"]["me"]
    assert reader.with_session().create(0.01)["errors"] != []  # less than a sat: refused by the provider
    assert reader.with_session().create(10)["errors"] == []


def test_an_inactive_account_cannot_receive(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.api("PUT", f"/api/accounts/{alice.account['username']}", {"active": False})
    assert alice.create()["errors"] == [{"message": "Account is inactive.", "code": "INVALID_INPUT", "path": None}]


def test_an_unknown_username_is_a_top_level_error(alice: GraphQL) -> None:
    query = "query($u: Username!) { accountDefaultWallet(username: $u) { id } }"
    assert alice.anonymous().ask(query, {"u": "nobody"}) == {
        "data": None,
        "errors": [
            {
                "message": "Account does not exist for username nobody",
                "path": ["accountDefaultWallet"],
                "extensions": {"service": "public"},
            }
        ],
    }


def test_mutations_weigh_120_and_a_document_may_weigh_200(alice: GraphQL) -> None:
    given = {"input": {"walletId": alice.usdt, "amount": 10}}
    one = "a: lnUsdInvoiceCreate(input: $input) { errors { message } }"
    head = "mutation c($input: LnUsdInvoiceCreateInput!)"
    assert alice.ask(f"{head} {{ {one} }}", given)["data"]["a"]["errors"] == []
    heavy = alice.ask(f"{head} {{ {one} {one.replace('a:', 'b:')} }}", given)
    assert heavy["data"] is None
    assert "maximum complexity of 200. Actual complexity is 244" in heavy["errors"][0]["message"]
    bolt11 = alice.invoice()["paymentRequest"]
    fields = [f"i{n}: lnInvoicePaymentStatus(input: {{paymentRequest: $p}}) {{ status }}" for n in range(101)]
    assert len(alice.ask(f"query($p: LnPaymentRequest!) {{ {' '.join(fields[:100])} }}", {"p": bolt11})["data"]) == 100
    assert alice.ask(f"query($p: LnPaymentRequest!) {{ {' '.join(fields)} }}", {"p": bolt11})["data"] is None


def test_what_is_not_graphql_is_refused_by_the_router(sandbox: SandboxServer, alice: GraphQL) -> None:
    assert httpx.get(sandbox.graphql_url, trust_env=False).status_code == 400
    assert (
        httpx.post(sandbox.graphql_url, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    )
    assert httpx.post(sandbox.graphql_url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    for query, code in (
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ me {", "PARSING_ERROR"),
    ):
        response = alice.post(query)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == code
    response = alice.post(STATUS, {})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "VALIDATION_INVALID_TYPE_VARIABLE"


def test_the_old_idempotency_header_is_good_for_one_request(alice: GraphQL) -> None:
    headers = {**alice.headers(), "X-Idempotency-Key": str(uuid.uuid4())}
    assert alice.post(ME, headers=headers).json()["data"]["me"]
    again = alice.post(ME, headers=headers).json()
    assert (again["data"], again["errors"][0]["extensions"]["http"]) == (None, {"status": 409})
    wrong = alice.post(ME, headers={**headers, "X-Idempotency-Key": "no uuid"}).json()
    assert wrong["errors"][0]["extensions"]["http"] == {"status": 400}


def test_prices_are_what_the_facts_say(alice: GraphQL) -> None:
    price = alice.ask(PRICE, {"currency": "USD"})["data"]["realtimePrice"]
    assert price["btcSatPrice"] == {"base": 63_500_000_000, "offset": 12}
    assert price["usdCentPrice"] == {"base": 1_000_000, "offset": 6}
    assert isinstance(price["timestamp"], int)
    price = alice.ask(PRICE, {"currency": "JMD"})["data"]["realtimePrice"]
    assert price["btcSatPrice"]["base"] == 10_160_000_000_000
    currencies = alice.ask("{ currencyList { id fractionDigits } }")["data"]["currencyList"]
    assert [c["id"] for c in currencies] == [
        "USD",
        "JMD",
        "EUR",
        "GBP",
        "HTG",
        "XCD",
        "ANG",
        "BSD",
        "BBD",
        "BZD",
        "KYD",
        "CUP",
        "DOP",
        "TTD",
    ]
