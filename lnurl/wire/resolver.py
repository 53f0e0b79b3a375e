"""The outgoing half of LNURL-pay: from a destination to an invoice that may be paid (LUD-06, 09–12, 16–18, 20, 21).

``pay_request_fetch`` asks the service what it takes, ``pay_invoice_fetch`` asks it for an invoice and checks it, and
``verify_fetch`` asks it later whether that invoice was paid. Strict about money and about where we connect to, forgiving about
everything else: unknown fields, HTTP status, missing descriptions.

Errors are those of ``errors.py``: every one means that nothing was sent, so no payment can be in doubt because of it. Who
pays keeps the ``ResolvedInvoice``: preview and payment use the same invoice, and a second one may be fetched only after the
first definitely failed (P11).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flashpay.lightning import InvalidInvoice, LightningInvoice, invoice_check, invoice_read, preimage_matches
from lnurl.wire.addresses import LightningAddress
from lnurl.wire.destination import LnurlPay, LnurlUnknown
from lnurl.wire.errors import AmountRefused, AnswerUnusable, DestinationRefused, InvoiceRefused, untrusted_text
from lnurl.wire.fetch import FetchPolicy, json_fetch
from lnurl.wire.success import SuccessAction, success_action_read
from lnurl.wire.urls import ServiceUrl, with_query

MAX_DESCRIPTION = 640  # characters; what an invoice could hold
MAX_IDENTIFIER = 320
MAX_METADATA_ENTRIES = 50
MAX_AMOUNT_MSAT = 2**63 - 1  # "no limit" of some services, brought down to what fits a database column

_SENTENCES = {
    "not_lnurl": "The recipient's Lightning service gave an answer that cannot be used. Nothing was sent. "
    "Please use another destination.",
    "not_a_pay_request": "This code does not receive money: {what}. Nothing was sent. "
    "Please use a Lightning invoice or a Lightning Address.",
    "payer_data": "The recipient's Lightning service asks who is paying ({what}), which is not told from here. "
    "Nothing was sent. Please use another destination.",
    "amount_too_small": "The recipient's Lightning service takes no less than {least} sat at once. Nothing was sent.",
    "amount_too_large": "The recipient's Lightning service takes no more than {most} sat at once. Nothing was sent.",
    "invoice_seen": "The recipient's Lightning service gave an invoice that was used before. Nothing was sent. "
    "Please use another destination.",
    "invoice": "The invoice of the recipient's Lightning service cannot be paid. {what}",
    "other_invoice": "The recipient's Lightning service answered about another invoice. Nothing was sent by asking.",
}
_OTHER_TAGS = {
    "withdrawRequest": "it pays out",
    "login": "it is for logging in",
    "channelRequest": "it opens a channel",
    "hostedChannelRequest": "it opens a channel",
    "addressRequest": "it asks for a Lightning Address",
}


@dataclass(frozen=True, slots=True)
class PayRequest:
    """What a service takes. Texts are untrusted, cut, and to be escaped (P10); show ``domain`` with them (K-06.2)."""

    url: str
    domain: str
    callback: ServiceUrl
    min_msat: int
    max_msat: int
    metadata: str
    description: str
    long_description: str
    identifier: str
    comment_allowed: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolvedInvoice:
    """An invoice that may be paid: right network, exact amount, alive, not seen before. ``warnings`` are to be recorded."""

    bolt11: str
    payment_hash: str
    amount_msat: int
    expires_at: datetime
    success_action: SuccessAction | None
    verify_url: str | None
    disposable: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """LUD-21's answer. ``preimage`` is set only when it opens the payment hash (K-21.1).

    Evidence that the invoice was paid, by someone: never that *we* paid it (K-21.2).
    """

    settled: bool
    preimage: str | None
    warnings: tuple[str, ...]


def pay_request_fetch(destination: LightningAddress | LnurlPay | LnurlUnknown, *, policy: FetchPolicy) -> PayRequest:
    """Ask a service what it takes (LUD-06, LUD-16). No money moves. Raises ``WireError``'s kinds."""
    url = policy.read_url(destination.url)
    answer = json_fetch(url, policy=policy)
    _must_be_pay_request(answer)
    callback = policy.read_url(_text(answer, "callback"))
    min_msat, max_msat = _integer(answer, "minSendable"), _integer(answer, "maxSendable")
    if not 0 <= min_msat <= max_msat or max_msat == 0:
        raise _unusable("not_lnurl")
    metadata = answer.get("metadata")
    entries = _metadata_entries(metadata)
    warnings = [] if entries else ["metadata_unreadable"]
    if callback.host != url.host:
        warnings.append("callback_on_another_host")
    if isinstance(destination, LightningAddress) and not _names(entries, destination):
        warnings.append("identifier_differs")
    return PayRequest(
        url=str(url),
        domain=url.host,
        callback=callback,
        min_msat=max(min_msat, 1),
        max_msat=min(max_msat, MAX_AMOUNT_MSAT),
        metadata=metadata if isinstance(metadata, str) else "",
        description=untrusted_text(entries.get("text/plain"), MAX_DESCRIPTION),
        long_description=untrusted_text(entries.get("text/long-desc"), MAX_DESCRIPTION),
        identifier=untrusted_text(entries.get("text/identifier") or entries.get("text/email"), MAX_IDENTIFIER),
        comment_allowed=_comment_allowed(answer.get("commentAllowed")),
        warnings=tuple(warnings),
    )


def pay_invoice_fetch(
    pay_request: PayRequest,
    *,
    amount_msat: int,
    comment: str = "",
    policy: FetchPolicy,
    now: Callable[[], datetime],
    network: str,
    seen: Callable[[str], bool] = lambda payment_hash: False,
) -> ResolvedInvoice:
    """Ask the service for an invoice over exactly ``amount_msat``, and check it (P6–P9).

    ``now`` is read after the answer came. ``seen`` says whether a payment hash is known already (P8). A comment the service
    does not take, or not at this length, is left out with a warning rather than in the way of the payment (K-12.1).
    Raises ``AmountRefused``, ``InvoiceRefused`` and the rest of ``WireError``'s kinds; nothing was sent in any case.
    """
    _must_be_in_range(pay_request, amount_msat)
    parameters = {"amount": str(amount_msat)}
    warnings = []
    if comment and len(comment) <= pay_request.comment_allowed:
        parameters["comment"] = comment
    elif comment:
        warnings.append("comment_left_out")
    try:
        url = policy.read_url(str(with_query(pay_request.callback, parameters)))
    except DestinationRefused:
        parameters.pop("comment", None)  # with it the URL was too long
        warnings.append("comment_left_out")
        url = with_query(pay_request.callback, parameters)
    answer = json_fetch(url, policy=policy)
    # Before the invoice: a service that asks for more than we understand is refused, however good its invoice (P9).
    success_action = success_action_read(answer.get("successAction"), callback=pay_request.callback, policy=policy)
    invoice = _checked_invoice(answer, amount_msat=amount_msat, now=now(), network=network, seen=seen)
    warnings += _hash_warnings(invoice, pay_request.metadata)
    verify_url = _verify_url(answer.get("verify"), policy)
    if verify_url is None and answer.get("verify") is not None:
        warnings.append("verify_url_refused")
    return ResolvedInvoice(
        bolt11=invoice.bolt11,
        payment_hash=invoice.payment_hash,
        amount_msat=amount_msat,
        expires_at=invoice.expires_at,
        success_action=success_action,
        verify_url=verify_url,
        disposable=answer.get("disposable") is not False,  # LUD-11: absent and null mean true
        warnings=tuple(warnings),
    )


def verify_fetch(url: str, *, payment_hash: str, policy: FetchPolicy) -> VerifyResult:
    """Ask whether an invoice is settled (LUD-21). Raises ``ServiceRefused`` for *Not found*, and ``WireError``'s kinds."""
    answer = json_fetch(policy.read_url(url), policy=policy)
    settled = answer.get("settled")
    if not isinstance(settled, bool):
        raise _unusable("not_lnurl")
    if isinstance(answer.get("pr"), str) and not _is_invoice_of(answer["pr"], payment_hash):
        raise _unusable("other_invoice")
    preimage = answer.get("preimage")
    if preimage is None:
        return VerifyResult(settled, None, ("settled_without_preimage",) if settled else ())
    if not isinstance(preimage, str) or not preimage_matches(preimage, payment_hash):
        return VerifyResult(settled, None, ("preimage_wrong",))
    # A preimage that fits is proof, whatever the word beside it.
    return VerifyResult(True, preimage.lower(), () if settled else ("preimage_before_settled",))


def _must_be_pay_request(answer: dict[str, Any]) -> None:
    tag = answer.get("tag")
    if tag != "payRequest":
        if isinstance(tag, str) and tag in _OTHER_TAGS:
            raise _unusable("not_a_pay_request", what=_OTHER_TAGS[tag])
        raise _unusable("not_lnurl")
    asked = answer.get("payerData")
    if isinstance(asked, dict):
        # LUD-18, K-18.1: what is mandatory and cannot be told ends it here, before an invoice is asked for.
        needed = [key for key, value in asked.items() if isinstance(value, dict) and value.get("mandatory") is True]
        if needed:
            known = [key for key in ("name", "pubkey", "identifier", "email", "auth") if key in needed]
            raise _unusable("payer_data", what=", ".join(known) or "details")


def _metadata_entries(metadata: Any) -> dict[str, Any]:
    """Return the first entry of each type of a metadata string; anything unreadable is left out (K-06.4)."""
    try:
        entries = json.loads(metadata) if isinstance(metadata, str) else []
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Any] = {}
    for entry in entries[:MAX_METADATA_ENTRIES] if isinstance(entries, list) else ():
        if isinstance(entry, list) and len(entry) > 1 and isinstance(entry[0], str):
            found.setdefault(entry[0], entry[1])
    return found


def _names(entries: dict[str, Any], address: LightningAddress) -> bool:
    named = [value.lower() for key in ("text/identifier", "text/email") if isinstance(value := entries.get(key), str)]
    return not named or str(address) in named or f"{address.name}@{address.domain}" in named


def _must_be_in_range(pay_request: PayRequest, amount_msat: int) -> None:
    if amount_msat < pay_request.min_msat:
        least = -(-pay_request.min_msat // 1000)  # rounded up, as the sentence speaks of whole sats (K-03.1)
        sentence = _SENTENCES["amount_too_small"].format(least=f"{least:,}")
        raise AmountRefused("amount_too_small", sentence, limit_msat=pay_request.min_msat)
    if amount_msat > pay_request.max_msat:
        most = pay_request.max_msat // 1000
        sentence = _SENTENCES["amount_too_large"].format(most=f"{most:,}")
        raise AmountRefused("amount_too_large", sentence, limit_msat=pay_request.max_msat)


def _checked_invoice(
    answer: dict[str, Any], *, amount_msat: int, now: datetime, network: str, seen: Callable[[str], bool]
) -> LightningInvoice:
    try:
        invoice = invoice_read(_text(answer, "pr"))
        invoice_check(invoice, network=network, now=now, amount_msat=amount_msat)
    except InvalidInvoice as error:
        raise InvoiceRefused(f"invoice_{error.code}", _SENTENCES["invoice"].format(what=error.sentence)) from error
    if seen(invoice.payment_hash):
        raise InvoiceRefused("invoice_seen", _SENTENCES["invoice_seen"])
    return invoice


def _hash_warnings(invoice: LightningInvoice, metadata: str) -> list[str]:
    # S-06.5: the LUD has dropped the rule and many services with it, so it is worth a note and no more.
    if invoice.description_hash is None:
        return ["description_hash_missing"]
    expected = hashlib.sha256(metadata.encode("utf-8", "surrogatepass")).hexdigest()
    return [] if invoice.description_hash == expected else ["description_hash_differs"]


def _verify_url(value: Any, policy: FetchPolicy) -> str | None:
    try:
        return str(policy.read_url(value)) if isinstance(value, str) else None
    except DestinationRefused:
        return None


def _is_invoice_of(bolt11: str, payment_hash: str) -> bool:
    try:
        return invoice_read(bolt11).payment_hash == payment_hash.lower()
    except InvalidInvoice:
        return False


def _comment_allowed(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _integer(answer: dict[str, Any], key: str) -> int:
    """Return an integer and nothing like one: ``true`` is 1 in Python, and 1e3 a float (P6)."""
    value = answer.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unusable("not_lnurl")
    return value


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str):
        raise _unusable("not_lnurl")
    return value


def _unusable(code: str, **facts: str) -> AnswerUnusable:
    return AnswerUnusable(code, _SENTENCES[code].format(**facts))
