"""The sandbox's own small JSON API: switches, accounts, prices, and what truly happened to the money."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flashpay.sandbox.accounts import SCOPES, UCENT_PER_CENT, Account, AccountRefused
from flashpay.sandbox.cards import Card
from flashpay.sandbox.ledger import Payment
from flashpay.sandbox.service import Sandbox
from flashpay.sandbox.switches import SwitchRefused

Handler = Callable[[Sandbox, Request, dict[str, Any]], Any]


class ControlRefused(Exception):
    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Read the JSON body, answer the handler's value, turn refusals into a sentence with a status."""

    @wraps(handler)
    async def serve(request: Request) -> JSONResponse:
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else {}
            if not isinstance(body, dict):
                raise ControlRefused("The body is a JSON object.")
            return JSONResponse(handler(request.app.state.sandbox, request, body))
        except (AccountRefused, SwitchRefused) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except ControlRefused as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        except json.JSONDecodeError:
            return JSONResponse({"error": "The body is not JSON."}, status_code=400)

    return serve


def _decimal(value: Any, name: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ControlRefused(f"{name} is a number.") from error
    if not number.is_finite():
        raise ControlRefused(f"{name} is a number.")
    return number


def _account(sandbox: Sandbox, request: Request) -> Account:
    account = sandbox.accounts.by_username(request.path_params["username"])
    if account is None:
        raise ControlRefused("There is no account of this name.", 404)
    return account


def account_shown(sandbox: Sandbox, account: Account) -> dict[str, Any]:
    """Everything a client needs to use the account, and its balances in cents (as text, exact)."""
    wallets = {"USD": account.usd_wallet_id, "USDT": account.usdt_wallet_id}
    balances = {}
    for currency, wallet_id in wallets.items():
        wallet = sandbox.accounts.wallet(wallet_id)
        assert wallet is not None
        balances[currency] = f"{Decimal(wallet.balance) / UCENT_PER_CENT:f}"
    host = sandbox.base_url.partition("://")[2]
    return {
        "account_id": account.id,
        "username": account.username,
        "api_key": account.api_key,
        "session_token": account.session_token,
        "wallets": wallets,
        "balances_cents": balances,
        "display_currency": account.display_currency,
        "active": account.active,
        "lightning_address": f"{account.username}@{host}",
        "api_url": f"{sandbox.base_url}/graphql",
        "ws_url": f"ws://{host}/graphql",
    }


@_endpoint
def demo(sandbox: Sandbox, _request: Request, _body: dict[str, Any]) -> Any:
    return account_shown(sandbox, sandbox.demo)


@_endpoint
def switches_get(sandbox: Sandbox, _request: Request, _body: dict[str, Any]) -> Any:
    return {"switches": sandbox.switches.shown()}


@_endpoint
def switches_put(sandbox: Sandbox, _request: Request, body: dict[str, Any]) -> Any:
    sandbox.switches.change(body)
    sandbox.lines_follow_switches()
    return {"switches": sandbox.switches.shown()}


@_endpoint
def reset(sandbox: Sandbox, _request: Request, body: dict[str, Any]) -> Any:
    sandbox.reset(everything=body.get("everything") is True)
    return {"switches": sandbox.switches.shown()}


@_endpoint
def account_create(sandbox: Sandbox, _request: Request, body: dict[str, Any]) -> Any:
    unknown = set(body) - {"username", "balance_cents", "display_currency", "scopes"}
    if unknown:
        raise ControlRefused(f"Unknown: {', '.join(sorted(unknown))}.")
    account = sandbox.account_create(
        username=body.get("username"),
        balance_cents=_decimal(body.get("balance_cents", 0), "balance_cents"),
        display_currency=body.get("display_currency", "USD"),
        scopes=tuple(body.get("scopes", SCOPES)),
    )
    return account_shown(sandbox, account)


@_endpoint
def account_get(sandbox: Sandbox, request: Request, _body: dict[str, Any]) -> Any:
    return account_shown(sandbox, _account(sandbox, request))


@_endpoint
def account_put(sandbox: Sandbox, request: Request, body: dict[str, Any]) -> Any:
    """`active`: true or false; `renew`: true revokes the credentials and issues new ones."""
    account = _account(sandbox, request)
    if isinstance(body.get("active"), bool):
        sandbox.accounts.active_set(account_id=account.id, active=body["active"])
    if body.get("renew") is True:
        sandbox.accounts.credentials_renew(account_id=account.id)
    return account_shown(sandbox, _account(sandbox, request))


@_endpoint
def account_fund(sandbox: Sandbox, request: Request, body: dict[str, Any]) -> Any:
    """Add `cents` (negative takes away) to the wallet of `currency`, USDT unless said otherwise."""
    account = _account(sandbox, request)
    wallets = {"USD": account.usd_wallet_id, "USDT": account.usdt_wallet_id}
    currency = body.get("currency", "USDT")
    if currency not in wallets:
        raise ControlRefused("currency is USD or USDT.")
    amount = int(_decimal(body.get("cents"), "cents") * UCENT_PER_CENT)
    sandbox.accounts.fund(wallet_id=wallets[currency], amount=amount)
    return account_shown(sandbox, account)


def _party(sandbox: Sandbox, wallet_id: str) -> str:
    account = sandbox.accounts.by_wallet(wallet_id)
    return account.username if account else wallet_id


def _payment_shown(sandbox: Sandbox, payment: Payment) -> dict[str, Any]:
    invoice = sandbox.ledger.invoice_by_hash(payment.payment_hash)
    assert invoice is not None
    shown = asdict(payment)
    for hidden in ("debit", "fee_debit", "visibility_delay_s", "due_action"):
        del shown[hidden]
    return {
        **shown,
        "from": _party(sandbox, payment.from_wallet),
        "to": _party(sandbox, payment.to_wallet),
        "amount_sat": payment.amount_msat // 1000,
        "preimage": invoice.preimage if payment.state == "SUCCEEDED" else None,
        "memo": invoice.memo,
    }


@_endpoint
def payments(sandbox: Sandbox, request: Request, _body: dict[str, Any]) -> Any:
    """Payments that reached their payee; with `?all=1` those in flight and failed too; `?payment_hash=` picks."""
    wanted = request.query_params.get("payment_hash")
    found = sandbox.ledger.payments(everything=request.query_params.get("all") == "1")
    return {"payments": [_payment_shown(sandbox, p) for p in found if wanted in (None, p.payment_hash)]}


@_endpoint
def log(sandbox: Sandbox, request: Request, _body: dict[str, Any]) -> Any:
    """Calls received, oldest first; `?since=N` gives those after number N."""
    since = request.query_params.get("since", "0")
    after = int(since) if since.isascii() and since.isdigit() else 0
    return {"calls": [entry for entry in sandbox.log.entries if entry["number"] > after], "sockets": len(sandbox.lines)}


@_endpoint
def sockets_cut(sandbox: Sandbox, _request: Request, _body: dict[str, Any]) -> Any:
    return {"cut": sandbox.lines_cut()}


@_endpoint
def price_get(sandbox: Sandbox, _request: Request, _body: dict[str, Any]) -> Any:
    return {"btc_usd": str(sandbox.prices.btc_usd)}


@_endpoint
def price_put(sandbox: Sandbox, _request: Request, body: dict[str, Any]) -> Any:
    """`btc_usd`, and `rates`: units of each currency per US dollar."""
    if "btc_usd" in body:
        price = _decimal(body["btc_usd"], "btc_usd")
        if price <= 0:
            raise ControlRefused("btc_usd is above 0.")
        sandbox.prices.set(btc_usd=price)
    for currency, value in body.get("rates", {}).items():
        per_usd = _decimal(value, currency)
        if sandbox.prices.rate(currency) is None or per_usd <= 0:
            raise ControlRefused(f"{currency} is not a currency of the list, or its rate is not above 0.")
        sandbox.prices.rate_set(currency=currency, per_usd=per_usd)
    return {"btc_usd": str(sandbox.prices.btc_usd)}


@_endpoint
def card_get(_sandbox: Sandbox, request: Request, _body: dict[str, Any]) -> Any:
    """The pretend card: its next tap as a link, its balance and limit."""
    card: Card = request.app.state.card
    return card.shown()


@_endpoint
def card_put(_sandbox: Sandbox, request: Request, body: dict[str, Any]) -> Any:
    """`balance_sat`, `limit_sat`."""
    card: Card = request.app.state.card
    wanted = {name: body.get(name) for name in ("balance_sat", "limit_sat")}
    if set(body) - set(wanted) or not all(
        value is None or (type(value) is int and value >= 0) for value in wanted.values()
    ):
        raise ControlRefused("balance_sat and limit_sat are whole numbers.")
    card.change(**wanted)
    return card.shown()


ROUTES = [
    Route("/api/demo", demo),
    Route("/api/card", card_get, methods=["GET"]),
    Route("/api/card", card_put, methods=["PUT"]),
    Route("/api/switches", switches_get, methods=["GET"]),
    Route("/api/switches", switches_put, methods=["PUT"]),
    Route("/api/reset", reset, methods=["POST"]),
    Route("/api/accounts", account_create, methods=["POST"]),
    Route("/api/accounts/{username}", account_get, methods=["GET"]),
    Route("/api/accounts/{username}", account_put, methods=["PUT"]),
    Route("/api/accounts/{username}/fund", account_fund, methods=["POST"]),
    Route("/api/payments", payments),
    Route("/api/log", log),
    Route("/api/sockets/cut", sockets_cut, methods=["POST"]),
    Route("/api/price", price_get, methods=["GET"]),
    Route("/api/price", price_put, methods=["PUT"]),
]
