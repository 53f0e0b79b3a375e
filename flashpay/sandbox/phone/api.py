"""The phone over JSON, for tests and scripts."""

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flashpay.sandbox.phone.reading import PhoneRefused
from flashpay.sandbox.phone.wallet import Phone
from flashpay.sandbox.service import PHONE_INVOICE_LIFE_S

WAIT_S = 10.0
WAIT_MAX_S = 120.0
SAT_MAX = 21_000_000 * 100_000_000

Handler = Callable[[Phone, dict[str, Any]], Awaitable[Any]]


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    @wraps(handler)
    async def serve(request: Request) -> JSONResponse:
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else {}
            if not isinstance(body, dict):
                raise PhoneRefused("The body is a JSON object.")
            return JSONResponse(await handler(request.app.state.phone, body))
        except json.JSONDecodeError:
            return JSONResponse({"error": "The body is not JSON."}, status_code=400)
        except PhoneRefused as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return serve


def _text(body: dict[str, Any], name: str, *, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise PhoneRefused(f"{name} is a text.")
    return value


def _sat(body: dict[str, Any], name: str = "amount_sat") -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= SAT_MAX:
        raise PhoneRefused(f"{name} is a whole number above 0.")
    return value


@_endpoint
async def read(phone: Phone, body: dict[str, Any]) -> Any:
    return (await phone.read(_text(body, "text"))).shown()


@_endpoint
async def pay(phone: Phone, body: dict[str, Any]) -> Any:
    wait_s = body.get("wait_s", WAIT_S)
    if isinstance(wait_s, bool) or not isinstance(wait_s, int | float) or not 0 <= wait_s <= WAIT_MAX_S:
        raise PhoneRefused(f"wait_s is between 0 and {WAIT_MAX_S:.0f}.")
    comment = _text(body, "comment", default="")
    return await phone.go(_text(body, "text"), amount_sat=_sat(body), comment=comment, wait_s=wait_s)


@_endpoint
async def invoice(phone: Phone, body: dict[str, Any]) -> Any:
    life_s = body.get("life_s", PHONE_INVOICE_LIFE_S)
    if not isinstance(life_s, int) or isinstance(life_s, bool) or life_s < 1:
        raise PhoneRefused("life_s is a whole number above 0.")
    return phone.invoice(amount_sat=_sat(body), memo=_text(body, "memo", default=""), life_s=life_s)


@_endpoint
async def history(phone: Phone, _body: dict[str, Any]) -> Any:
    return {"balance_sat": phone.balance_sat, "history": phone.history()}


@_endpoint
async def fund(phone: Phone, body: dict[str, Any]) -> Any:
    sat = _sat(body, "sat")
    if sat is None:
        raise PhoneRefused("sat is a whole number above 0.")
    phone.fund(sat=sat)
    return {"balance_sat": phone.balance_sat}


ROUTES = [
    Route("/phone/api/read", read, methods=["POST"]),
    Route("/phone/api/pay", pay, methods=["POST"]),
    Route("/phone/api/invoice", invoice, methods=["POST"]),
    Route("/phone/api/history", history, methods=["GET"]),
    Route("/phone/api/fund", fund, methods=["POST"]),
]
