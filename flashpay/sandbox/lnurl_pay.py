"""Lightning Addresses of the pretend Flash: LNURL-pay (LUD-06, LUD-16) with a verify URL (LUD-21)."""

import hashlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from flashpay.sandbox.service import Sandbox

MIN_MSAT = 1_000
MAX_MSAT = 2_147_483_000  # Flash's provider counts millisats in 32 bits
COMMENT_CHARS_MAX = 255
INVOICE_LIFE_S = 60
# LUD-01: every answer may be read from any web page.
HEADERS = {"Access-Control-Allow-Origin": "*"}


def _answer(body: dict[str, Any]) -> JSONResponse:
    return JSONResponse(body, headers=HEADERS)


def _error(reason: str) -> JSONResponse:
    return _answer({"status": "ERROR", "reason": reason})


def _metadata(sandbox: Sandbox, username: str) -> str:
    domain = sandbox.base_url.partition("://")[2]
    return json.dumps([["text/plain", f"Pay {username}"], ["text/identifier", f"{username}@{domain}"]])


async def info(request: Request) -> JSONResponse:
    """GET /.well-known/lnurlp/{username}"""
    sandbox: Sandbox = request.app.state.sandbox
    account = sandbox.accounts.by_username(request.path_params["username"])
    if account is None:
        return _error("Nobody of this name is here.")
    return _answer(
        {
            "tag": "payRequest",
            "callback": f"{sandbox.base_url}/pay/lnurl/{account.username}",
            "minSendable": MIN_MSAT,
            "maxSendable": MAX_MSAT,
            "metadata": _metadata(sandbox, account.username),
            "commentAllowed": COMMENT_CHARS_MAX,
        }
    )


async def callback(request: Request) -> JSONResponse:
    """GET /pay/lnurl/{username}?amount=msat&comment=text"""
    sandbox: Sandbox = request.app.state.sandbox
    account = sandbox.accounts.by_username(request.path_params["username"])
    if account is None:
        return _error("Nobody of this name is here.")
    text = request.query_params.get("amount", "")
    amount_msat = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    if not MIN_MSAT <= amount_msat <= MAX_MSAT or amount_msat % 1000:
        return _error("The amount must be whole sats within the limits.")
    invoice = sandbox.invoice_create(
        wallet_id=account.usdt_wallet_id if sandbox.switches.peek("cutover") == "COMPLETE" else account.usd_wallet_id,
        amount_msat=amount_msat,
        memo=request.query_params.get("comment", "")[:COMMENT_CHARS_MAX],
        life_s=INVOICE_LIFE_S,
        description_hash=hashlib.sha256(_metadata(sandbox, account.username).encode()).hexdigest(),
    )
    verify = f"{sandbox.base_url}/pay/lnurl/verify/{invoice.payment_hash}"
    return _answer({"pr": invoice.bolt11, "routes": [], "verify": verify})


async def verify(request: Request) -> JSONResponse:
    """GET /pay/lnurl/verify/{payment_hash}: only for invoices made by the callback above."""
    sandbox: Sandbox = request.app.state.sandbox
    invoice = sandbox.ledger.invoice_by_hash(request.path_params["payment_hash"])
    if invoice is None or not invoice.by_lnurl:
        return _error("Not found")
    settled = invoice.settled_at is not None
    preimage = invoice.preimage if settled else None
    return _answer({"status": "OK", "settled": settled, "preimage": preimage, "pr": invoice.bolt11})
