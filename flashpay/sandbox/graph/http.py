"""GraphQL over HTTP, from the gateway's refusals to the router's error shapes."""

import asyncio
import json
import uuid
from http import HTTPStatus
from typing import Any

from graphql import ExecutionResult
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flashpay.sandbox.graph.answers import (
    codes_dropped,
    key_limited,
    page_of_status,
    refused,
    subrequest_failed,
    unauthorized,
)
from flashpay.sandbox.graph.call import Call
from flashpay.sandbox.graph.credentials import Caller, caller_of_http
from flashpay.sandbox.graph.execution import Prepared, prepare, run
from flashpay.sandbox.graph.troubles import through_router
from flashpay.sandbox.graph.wallet_view import CAPABILITY_HEADER, capable
from flashpay.sandbox.lines import http_cut
from flashpay.sandbox.service import Sandbox

ADDRESS_BURST = 40
KEY_WINDOW_S = 60.0
HEADER_KEY_LIFE_S = 3600


def _body(raw: bytes) -> tuple[str, str | None, dict[str, Any] | None] | None:
    """Query, operation name and variables; None when the body is not a GraphQL request."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return None
    name, variables = body.get("operationName"), body.get("variables")
    if not isinstance(name, str | None) or not isinstance(variables, dict | None):
        return None
    return body["query"], name or None, variables


async def serve(request: Request) -> Response:
    """POST /graphql."""
    sandbox: Sandbox = request.app.state.sandbox
    raw = await request.body()
    body = _body(raw)
    prepared = prepare(body[0], body[1]) if body else None
    operations = prepared.operations if prepared else frozenset()
    entry = sandbox.log.add(
        transport="http",
        operations=sorted(operations),
        variables=body[2] if body else None,
        credential="key"
        if request.headers.get("x-api-key")
        else "bearer"
        if request.headers.get("authorization")
        else "none",
        account=None,
        status=None,
    )
    response = await _answer(request, sandbox, body, prepared, entry)
    entry["status"] = response.status_code
    return response


async def _answer(
    request: Request,
    sandbox: Sandbox,
    body: tuple[str, str | None, dict[str, Any] | None] | None,
    prepared: Prepared | None,
    entry: dict[str, Any],
) -> Response:
    switches = sandbox.switches
    operations = prepared.operations if prepared else frozenset()
    if not _address_allowed(request, sandbox):
        return page_of_status(HTTPStatus.SERVICE_UNAVAILABLE)
    faulty = switches.take("http_status", operations)
    if faulty:
        return page_of_status(faulty)
    caller = caller_of_http(
        sandbox.accounts,
        authorization=request.headers.get("authorization", ""),
        api_key=request.headers.get("x-api-key", ""),
        world=switches.peek("world"),
    )
    if caller is None:
        return unauthorized(switches)
    entry["account"] = caller.account.username if caller.account else None
    refusal = _refusal(request, sandbox, body is not None, prepared, caller)
    if refusal is not None:
        return refusal
    assert body is not None
    assert prepared is not None
    cut = switches.take("cut", operations)
    if cut == "before":
        return await _cut(request, entry)
    await asyncio.sleep(switches.take("delay_before_s", operations))
    call = Call(
        sandbox=sandbox,
        transport="http",
        credential=caller.kind,
        account=caller.account,
        capable=capable(request.headers.get(CAPABILITY_HEADER)),
        operations=operations,
    )
    result = await run(prepared, call, body[2], body[1])
    await asyncio.sleep(switches.take("delay_after_s", operations))
    late = switches.take("late_status", operations)
    if late:
        return page_of_status(late)
    return await _cut(request, entry) if cut == "after" else _shown(result, switches.peek("error_codes"))


def _address_allowed(request: Request, sandbox: Sandbox) -> bool:
    address = request.client.host if request.client else ""
    per_minute = sandbox.switches.peek("limit_address_per_minute")
    return sandbox.limiters.addresses.allows(address, per_minute=per_minute, burst=ADDRESS_BURST)


def _refusal(
    request: Request, sandbox: Sandbox, readable: bool, prepared: Prepared | None, caller: Caller
) -> Response | None:
    """Everything the router and the key limiter refuse before a field is resolved."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        message = '\'content-type\' header must be one of: "application/json" or "application/graphql-response+json"'
        return refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message, "INVALID_CONTENT_TYPE_HEADER")
    if not readable or prepared is None:
        return refused(HTTPStatus.BAD_REQUEST, "Invalid GraphQL request", "INVALID_GRAPHQL_REQUEST")
    if prepared.kind == "subscription":
        return refused(
            HTTPStatus.NOT_ACCEPTABLE, "subscriptions are not supported over this transport", "SUBSCRIPTION_UNSUPPORTED"
        )
    if prepared.code == "TOO_COMPLEX":
        return JSONResponse({"data": None, "errors": [through_router(prepared.errors[0], with_code=False)]})
    if prepared.errors:
        errors = [{"message": e.message, "extensions": {"code": prepared.code}} for e in prepared.errors]
        return JSONResponse({"errors": errors}, status_code=HTTPStatus.BAD_REQUEST)
    if caller.kind == "key" and caller.account:
        limit = sandbox.switches.peek("limit_key_per_minute")
        if not sandbox.limiters.keys.allows(caller.account.api_key, count=limit, window_s=KEY_WINDOW_S):
            wait_s = sandbox.limiters.keys.retry_after_s(caller.account.api_key, window_s=KEY_WINDOW_S)
            return key_limited(limit=limit, retry_after_s=wait_s)
    return _header_key_refusal(request, sandbox)


def _header_key_refusal(request: Request, sandbox: Sandbox) -> Response | None:
    """The old guard against doubles: a UUID in a header, good for one request an hour."""
    key = request.headers.get("x-idempotency-key")
    if key is None:
        return None
    try:
        uuid.UUID(key)
    except ValueError:
        return subrequest_failed(HTTPStatus.BAD_REQUEST, "Bad Request")
    now = sandbox.now()
    if sandbox.header_keys.get(key, 0.0) > now - HEADER_KEY_LIFE_S:
        return subrequest_failed(HTTPStatus.CONFLICT, "Conflict")
    sandbox.header_keys[key] = now
    return None


async def _cut(request: Request, entry: dict[str, Any]) -> Response:
    entry["cut"] = True
    return await http_cut(request)


def _shown(result: ExecutionResult, error_codes: str) -> JSONResponse:
    answer: dict[str, Any] = {"data": codes_dropped(result.data) if error_codes == "none" else result.data}
    errors = result.errors or []
    if result.data is None and errors and all(error.path is None for error in errors):
        shown = [{"message": e.message, "extensions": {"code": "VALIDATION_INVALID_TYPE_VARIABLE"}} for e in errors]
        return JSONResponse({"errors": shown}, status_code=HTTPStatus.BAD_REQUEST)
    if errors:
        answer["errors"] = [through_router(error, with_code=error_codes == "all") for error in errors]
    return JSONResponse(answer)
