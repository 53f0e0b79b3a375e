"""The JSON a Lightning service speaks, as this project serves it: one builder per message, with the fields of the LUD and no other.

Some wallets refuse an answer for one unknown field (Q2), so nothing is added, and an optional field that is not used is left
out rather than sent as ``null`` (S-09.2). Amounts are millisatoshi and whole sats (Q12). A builder raises ``ValueError`` for
what the LUD forbids: that is a fault in our code, never of a wallet. The error object is a value like any other; every face
answers it with HTTP 200 (S-01.6, Q3).
"""

import base64
import json
import re
from typing import Literal, NotRequired, TypedDict
from urllib.parse import urlsplit

from lnurl.wire.errors import MAX_REASON, DestinationRefused, untrusted_text
from lnurl.wire.urls import service_url

MSAT_PER_SAT = 1000
MAX_ACTION_TEXT = 144  # characters; LUD-09
MAX_COMMENT = (
    500  # characters; the whole callback URL should stay below 2,000 (S-12.3), and one may take nine bytes encoded
)
MAX_IMAGE_BASE64 = 136_536  # characters; LUD-06

_K1 = re.compile(r"[0-9a-f]{32,128}")  # at least 128 bits, lower-case (Q5, Q6)
_HEX_32_BYTES = re.compile(r"[0-9a-f]{64}")


class OkAnswer(TypedDict):
    status: Literal["OK"]


class ErrorAnswer(TypedDict):
    status: Literal["ERROR"]
    reason: str


class WithdrawRequest(TypedDict):
    """LUD-03, with LUD-14 and LUD-19."""

    tag: Literal["withdrawRequest"]
    callback: str
    k1: str
    defaultDescription: str
    minWithdrawable: int
    maxWithdrawable: int
    balanceCheck: NotRequired[str]
    currentBalance: NotRequired[int]
    payLink: NotRequired[str]


class PayRequest(TypedDict):
    """LUD-06, with LUD-12."""

    tag: Literal["payRequest"]
    callback: str
    minSendable: int
    maxSendable: int
    metadata: str
    commentAllowed: NotRequired[int]


class MessageAction(TypedDict):
    tag: Literal["message"]
    message: str


class UrlAction(TypedDict):
    tag: Literal["url"]
    description: str
    url: str


SuccessAction = MessageAction | UrlAction


class PayAnswer(TypedDict):
    """LUD-06, with LUD-09, LUD-11 and LUD-21."""

    pr: str
    routes: list[object]
    successAction: NotRequired[SuccessAction]
    disposable: NotRequired[bool]
    verify: NotRequired[str]


class VerifyAnswer(TypedDict):
    """LUD-21."""

    status: Literal["OK"]
    settled: bool
    preimage: str | None
    pr: str


class AddressRequest(TypedDict):
    """LUD-23."""

    tag: Literal["addressRequest"]
    callback: str
    k1: str
    description: str


def ok_answer() -> OkAnswer:
    """The answer of a callback that has taken what it was given: not a promise that money moved (S-03.3)."""
    return {"status": "OK"}


def error_answer(reason: str) -> ErrorAnswer:
    """The LNURL error object (S-01.3). Wallets show ``reason`` as it is (Q23): a short sentence without secrets."""
    return {"status": "ERROR", "reason": untrusted_text(reason, MAX_REASON) or "Something went wrong."}


def withdraw_request(
    *,
    callback: str,
    k1: str,
    description: str,
    min_msat: int,
    max_msat: int,
    balance_check: str | None = None,
    current_balance_msat: int | None = None,
    pay_link: str | None = None,
) -> WithdrawRequest:
    """Offer money to whoever scans (LUD-03, S-03.1). Give equal amounts where there is no choice (Q14).

    ``balance_check`` is the raw https URL of LUD-14, ``current_balance_msat`` what a wallet shows in place of the maximum;
    ``pay_link`` a LUD-17 ``lnurlp://`` link (LUD-19).
    """
    _must_be_callback(callback)
    _must_be_k1(k1)
    _must_be_range(min_msat, max_msat, least_msat=0)
    answer: WithdrawRequest = {
        "tag": "withdrawRequest",
        "callback": callback,
        "k1": k1,
        "defaultDescription": untrusted_text(description),
        "minWithdrawable": min_msat,
        "maxWithdrawable": max_msat,
    }
    if balance_check is not None:
        _must_be_web_url(balance_check)
        answer["balanceCheck"] = balance_check
    if current_balance_msat is not None:
        answer["currentBalance"] = current_balance_msat
    if pay_link is not None:
        if not pay_link.startswith("lnurlp://"):
            raise ValueError("LUD-19: payLink is a LUD-17 link (lnurlp://…).")
        answer["payLink"] = pay_link
    return answer


def pay_metadata(
    text: str,
    *,
    long_text: str | None = None,
    identifier: str | None = None,
    is_email: bool = False,
    tag: str | None = None,
    png_base64: str | None = None,
) -> str:
    """Write the ``metadata`` string of a payRequest (S-06.2, LUD-16, LUD-20).

    Keep the string: the description hash is over these very bytes, and writing it again may give others (S-06.5).
    """
    entries: list[list[str]] = [["text/plain", text]]
    if long_text:
        entries.append(["text/long-desc", long_text])
    if identifier:
        entries.append(["text/email" if is_email else "text/identifier", identifier])
    if tag:
        entries.append(["text/tag", tag])
    if png_base64:
        if len(png_base64) > MAX_IMAGE_BASE64:
            raise ValueError("LUD-06: the image is too large.")
        base64.b64decode(png_base64, validate=True)
        entries.append(["image/png;base64", png_base64])
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))


def pay_request(*, callback: str, metadata: str, min_msat: int, max_msat: int, comment_allowed: int = 0) -> PayRequest:
    """Ask whoever scans for money (LUD-06, S-06.1; also LUD-16). ``comment_allowed`` is in characters (LUD-12)."""
    _must_be_callback(callback)
    _must_be_range(min_msat, max_msat, least_msat=1)
    if not 0 <= comment_allowed <= MAX_COMMENT:
        raise ValueError(f"S-12.3: a comment has at most {MAX_COMMENT} characters.")
    answer: PayRequest = {
        "tag": "payRequest",
        "callback": callback,
        "minSendable": min_msat,
        "maxSendable": max_msat,
        "metadata": metadata,
    }
    if comment_allowed:
        answer["commentAllowed"] = comment_allowed
    return answer


def pay_answer(
    *,
    bolt11: str,
    success_action: SuccessAction | None = None,
    disposable: bool | None = None,
    verify: str | None = None,
) -> PayAnswer:
    """The invoice a payer asked for, ``routes`` empty (S-06.3).

    ``disposable=False`` for links that may be stored: absent means true (LUD-11, S-11.1). ``verify`` is LUD-21's URL.
    """
    answer: PayAnswer = {"pr": bolt11, "routes": []}
    if success_action is not None:
        answer["successAction"] = success_action
    if disposable is not None:
        answer["disposable"] = disposable
    if verify is not None:
        _must_be_web_url(verify)
        answer["verify"] = verify
    return answer


def message_action(message: str) -> MessageAction:
    """Words a wallet shows after it has paid (LUD-09, S-09.1), at most 144 characters."""
    return {"tag": "message", "message": _action_text(message)}


def url_action(*, description: str, url: str, callback: str) -> UrlAction:
    """A page a wallet offers after it has paid (LUD-09). Its host must be the callback's (S-09.1)."""
    _must_be_web_url(url)
    if urlsplit(url).hostname != urlsplit(callback).hostname:
        raise ValueError("LUD-09: the page and the callback have one host.")
    return {"tag": "url", "description": _action_text(description), "url": url}


def verify_answer(*, bolt11: str, settled: bool, preimage: str | None) -> VerifyAnswer:
    """Whether an invoice is paid (LUD-21, S-21.2). The preimage is told once it is settled, and never before (S-21.3)."""
    if preimage is not None and (not settled or not _HEX_32_BYTES.fullmatch(preimage)):
        raise ValueError("LUD-21: a preimage is 64 hex digits, and shown of a settled invoice only.")
    return {"status": "OK", "settled": settled, "preimage": preimage, "pr": bolt11}


def address_request(*, callback: str, k1: str, description: str) -> AddressRequest:
    """Ask a wallet for its Lightning Address (LUD-23, S-23.1). The callback then gets ``k1`` and ``address``."""
    _must_be_callback(callback)
    if not _HEX_32_BYTES.fullmatch(k1):
        raise ValueError("LUD-23: k1 is 32 bytes in hex.")
    return {"tag": "addressRequest", "callback": callback, "k1": k1, "description": untrusted_text(description)}


def _must_be_callback(url: str) -> None:
    # Several wallets replace the query of a callback with their own parameters (Q1): identity stands in the path.
    _must_be_web_url(url)
    if "?" in url or "#" in url:
        raise ValueError("Q1: a callback carries no query of its own.")


def _must_be_web_url(url: str) -> None:
    try:
        service_url(url, allow_loopback=True, allow_onion=True)
    except DestinationRefused as error:
        raise ValueError(f"S-01.2: {url!r} is no https URL.") from error


def _must_be_k1(k1: str) -> None:
    if not _K1.fullmatch(k1):
        raise ValueError("Q5, Q6: k1 is lower-case hex of at least 128 bits.")


def _must_be_range(min_msat: int, max_msat: int, *, least_msat: int) -> None:
    if not least_msat <= min_msat <= max_msat:
        raise ValueError("The smallest amount must not exceed the largest.")
    if min_msat % MSAT_PER_SAT or max_msat % MSAT_PER_SAT:
        raise ValueError("Q12: whole sats only.")


def _action_text(text: str) -> str:
    return untrusted_text(text, MAX_ACTION_TEXT)
