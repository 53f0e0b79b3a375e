"""The reader's side of LNURL-withdraw (LUD-03): a till that is held a card, and asks the card's service to pay its invoice.

``withdraw_offer_fetch`` asks a service what it would pay out, ``withdraw_check`` whether an amount fits, and
``withdraw_hand_over`` hands it our invoice. The first two move nothing, whatever goes wrong. The third may: once the request
has left, only a clear answer tells what became of it, and a lost one leaves a doubt. Nothing here says that money came: that
is known by the invoice alone (K-03.3).

What a service offers besides is left aside: ``payLink`` (LUD-19), ``balanceCheck`` (LUD-14), the amounts of a fast link (LUD-08).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from flashpay.money.amounts import MSAT_PER_SAT
from lnurl.wire.destination import LnurlUnknown, LnurlWithdraw
from lnurl.wire.errors import (
    AmountRefused,
    AnswerUnusable,
    DestinationRefused,
    ServiceRefused,
    ServiceUnreachable,
    untrusted_text,
)
from lnurl.wire.fetch import FetchPolicy, json_fetch
from lnurl.wire.urls import ServiceUrl, with_query

MAX_AMOUNT_MSAT = 2**63 - 1  # "no limit" of some services, brought down to what fits a database column

# The request cannot have left: the service was not found, or nobody took the connection.
_NEVER_LEFT = frozenset({"name_not_found", "no_connection"})

_SENTENCES = {
    "not_lnurl": "The card's service gave an answer that cannot be used. Nothing was taken. Please pay in another way.",
    "not_a_card": "This is not a card or code that pays. Nothing was taken. Please hold a payment card to the device.",
    "nothing_offered": "There is nothing on this card that could be paid out. Nothing was taken.",
    "amount_too_small": "This card pays no less than {limit} sat at once. Nothing was taken.",
    "amount_too_large": "This card pays no more than {limit} sat at once. Nothing was taken.",
    "pin_needed": "Above {limit} sat this card asks for its PIN, which cannot be entered here. Nothing was taken.",
}


@dataclass(frozen=True, slots=True)
class WithdrawOffer:
    """What a service would pay out, in whole sats: ``min_msat`` rounded up, ``max_msat`` rounded down (K-03.1).

    ``pin_from_msat``: from this amount on it wants a PIN (the draft *pinLimit*). ``description`` is untrusted, cut, and to be
    escaped. ``k1`` and ``callback`` are secrets: whoever has them can take the money.
    """

    domain: str
    callback: ServiceUrl
    k1: str
    min_msat: int
    max_msat: int
    pin_from_msat: int | None
    description: str
    warnings: tuple[str, ...]


class Answer(StrEnum):
    """What a service made of our invoice. Not one of them says that money moved (K-03.3)."""

    ACCEPTED = "accepted"  # it said OK and pays afterwards, or does not
    DECLINED = "declined"  # it said no, or was never reached
    UNKNOWN = "unknown"  # the request left, and no clear answer came


@dataclass(frozen=True, slots=True)
class Handover:
    """``code`` says why it was not accepted; ``reason`` holds the service's own words: untrusted, cut, to be escaped (P12)."""

    answer: Answer
    code: str = ""
    reason: str = ""


def withdraw_offer_fetch(destination: LnurlWithdraw | LnurlUnknown, *, policy: FetchPolicy) -> WithdrawOffer:
    """Ask a service what it would pay out (LUD-03). Nothing is taken by asking; a card's tap may be used up all the same.

    Raises ``WireError``'s kinds.
    """
    url = policy.read_url(destination.url)
    answer = json_fetch(url, policy=policy)
    tag = answer.get("tag")
    if tag != "withdrawRequest":
        _unusable("not_a_card" if isinstance(tag, str) and tag else "not_lnurl")
    callback = policy.read_url(_text(answer, "callback"))
    min_msat, max_msat = _integer(answer, "minWithdrawable"), _integer(answer, "maxWithdrawable")
    if not 0 <= min_msat <= max_msat:
        _unusable("not_lnurl")
    least_msat = -(-min(min_msat, MAX_AMOUNT_MSAT) // MSAT_PER_SAT) * MSAT_PER_SAT
    most_msat = min(max_msat, MAX_AMOUNT_MSAT) // MSAT_PER_SAT * MSAT_PER_SAT
    if not most_msat or least_msat > most_msat:
        _unusable("nothing_offered")
    return WithdrawOffer(
        domain=url.host,
        callback=callback,
        k1=_text(answer, "k1"),
        min_msat=max(least_msat, MSAT_PER_SAT),
        max_msat=most_msat,
        pin_from_msat=_pin_limit(answer.get("pinLimit")),
        description=untrusted_text(answer.get("defaultDescription")),
        warnings=("callback_on_another_host",) if callback.host != url.host else (),
    )


def withdraw_check(offer: WithdrawOffer, *, amount_msat: int) -> None:
    """Raises ``AmountRefused`` where the service would not pay this amount, or not without a PIN (K-03.1)."""
    if amount_msat < offer.min_msat:
        _refuse_amount("amount_too_small", offer.min_msat)
    if amount_msat > offer.max_msat:
        _refuse_amount("amount_too_large", offer.max_msat)
    if offer.pin_from_msat is not None and amount_msat >= offer.pin_from_msat:
        _refuse_amount("pin_needed", max(offer.pin_from_msat - 1, 0))


def withdraw_hand_over(offer: WithdrawOffer, *, bolt11: str, policy: FetchPolicy) -> Handover:
    """Give the service our invoice to pay (S-03.2 of others), once; a repetition is the caller's to justify.

    Never raises ``WireError``: after this call the only questions are what was answered and, by the invoice, whether it was paid.
    """
    try:
        url = policy.read_url(str(with_query(offer.callback, {"k1": offer.k1, "pr": bolt11})))
        answer = json_fetch(url, policy=policy)
    except ServiceRefused as refused:
        return Handover(Answer.DECLINED, refused.code, refused.reason)
    except DestinationRefused as refused:
        return Handover(Answer.DECLINED, refused.code)  # judged before anything is sent
    except ServiceUnreachable as trouble:
        return Handover(Answer.DECLINED if trouble.code in _NEVER_LEFT else Answer.UNKNOWN, trouble.code)
    except AnswerUnusable as trouble:
        return Handover(Answer.UNKNOWN, trouble.code)  # it read our invoice and answered nobody knows what
    status = answer.get("status")
    if isinstance(status, str) and status.lower() == "ok":
        return Handover(Answer.ACCEPTED)
    return Handover(Answer.UNKNOWN, "not_lnurl")


def _pin_limit(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _integer(answer: dict[str, Any], key: str) -> int:
    """Return an integer and nothing like one: ``true`` is 1 in Python, and 1e3 a float (P6)."""
    value = answer.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        _unusable("not_lnurl")
    return value


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str):
        _unusable("not_lnurl")
    return value


def _unusable(code: str) -> NoReturn:
    raise AnswerUnusable(code, _SENTENCES[code])


def _refuse_amount(code: str, limit_msat: int) -> NoReturn:
    sentence = _SENTENCES[code].format(limit=f"{limit_msat // MSAT_PER_SAT:,}")
    raise AmountRefused(code, sentence, limit_msat=limit_msat)
