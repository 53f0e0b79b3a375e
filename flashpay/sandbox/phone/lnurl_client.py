"""The LNURL half of the phone: asks a service what it wants, and answers it (LUD-03, LUD-06)."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from flashpay.sandbox.phone.reading import PhoneRefused, url_checked

TIMEOUT_S = 10.0
BODY_BYTES_MAX = 256 * 1024


@dataclass(frozen=True)
class WithdrawOffer:
    """Money somebody wants to give (LUD-03)."""

    callback: str
    k1: str
    min_msat: int
    max_msat: int
    description: str
    host: str


@dataclass(frozen=True)
class PayRequest:
    """Somebody who wants money (LUD-06)."""

    callback: str
    min_msat: int
    max_msat: int
    description: str
    host: str
    comment_chars: int


async def fetch(url: str) -> dict[str, Any]:
    """GET a JSON object from this machine. Raises PhoneRefused, also for an answer that is an LNURL error."""
    url_checked(url)
    try:
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_S) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as response,
        ):
            body = b""
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise PhoneRefused("The service sent far too much.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PhoneRefused("The service could not be reached.") from error
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise PhoneRefused("The service answered something that is not LNURL.") from error
    if not isinstance(answer, dict):
        raise PhoneRefused("The service answered something that is not LNURL.")
    if str(answer.get("status", "")).lower() == "error":
        raise PhoneRefused(str(answer.get("reason") or "The service refused without saying why."))
    return answer


async def info_fetch(url: str) -> WithdrawOffer | PayRequest:
    """What stands behind an LNURL. Raises PhoneRefused."""
    answer = await fetch(url)
    host = urlsplit(url).netloc
    if answer.get("tag") == "withdrawRequest":
        low, high = _whole(answer, "minWithdrawable"), _whole(answer, "maxWithdrawable")
        _range_check(low, high)
        description = str(answer.get("defaultDescription") or "")
        return WithdrawOffer(_text(answer, "callback"), _text(answer, "k1"), low, high, description, host)
    if answer.get("tag") == "payRequest":
        low, high = _whole(answer, "minSendable"), _whole(answer, "maxSendable")
        _range_check(low, high)
        comment = answer.get("commentAllowed")
        chars = comment if isinstance(comment, int) else 0
        return PayRequest(_text(answer, "callback"), low, high, _plain_text(answer), host, chars)
    raise PhoneRefused("This LNURL is of a kind the phone does not know.")


async def withdraw_ask(offer: WithdrawOffer, bolt11: str) -> None:
    """Hand our invoice to the service. Returns when it said OK, which is not yet money. Raises PhoneRefused."""
    answer = await fetch(_with_query(offer.callback, k1=offer.k1, pr=bolt11))
    if str(answer.get("status", "")).upper() != "OK":
        raise PhoneRefused("The service answered neither yes nor no.")


async def invoice_ask(request: PayRequest, *, amount_msat: int, comment: str) -> str:
    """Fetch an invoice over this amount. Raises PhoneRefused."""
    query = {"amount": str(amount_msat)}
    if comment and request.comment_chars:
        query["comment"] = comment[: request.comment_chars]
    return _text(await fetch(_with_query(request.callback, **query)), "pr")


def _with_query(url: str, **query: str) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise PhoneRefused(f"The service left out {name}.")
    return value


def _whole(answer: dict[str, Any], name: str) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise PhoneRefused(f"The service left out {name}.")
    return value


def _range_check(low: int, high: int) -> None:
    if not 0 <= low <= high or high < 1000:
        raise PhoneRefused("There is nothing to move: the service allows no amount.")


def _plain_text(answer: dict[str, Any]) -> str:
    try:
        entries = json.loads(_text(answer, "metadata"))
    except ValueError as error:
        raise PhoneRefused("The service sent metadata that is not JSON.") from error
    texts = [e[1] for e in entries if isinstance(e, list) and len(e) > 1 and e[0] == "text/plain"]
    return str(texts[0]) if texts else ""
