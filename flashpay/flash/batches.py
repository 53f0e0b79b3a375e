"""The status of many invoices in one document, although one bad invoice spoils the whole answer.

`lnInvoicePaymentStatus` may not be null in Flash's schema, so a single alias that fails makes the data of all of them
null. The aliases that Flash names as failing are set aside and the rest is asked again, a few times at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flashpay.flash.answers import Answer, top_level_trouble
from flashpay.flash.errors import FlashError, error_for
from flashpay.flash.operations import BATCH_LIMIT, Kind, Operation, invoice_statuses
from flashpay.flash.readings import Unreadable, status_read
from flashpay.flash.results import InvoiceStatus
from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where
from flashpay.flash.verdicts import judge, judge_all

# With every invoice of a batch unreadable (an outage) this bounds what the batch costs.
MAX_REQUESTS = 4

_NO_ANSWER = Trouble(Where.TRANSPORT, Failure.UNREADABLE)

Execute = Callable[[Operation, Mapping[str, Any]], Answer]
Statuses = dict[str, InvoiceStatus | FlashError]


def statuses_ask(execute: Execute, bolt11s: Sequence[str]) -> Statuses:
    """Ask for all of `bolt11s` (at most 60). Each becomes a key; its value is a status or why there is none.

    Raises FlashError when the very first request brought no answer at all.
    """
    waiting = list(dict.fromkeys(bolt11s))
    if len(waiting) > BATCH_LIMIT:
        raise ValueError(f"a batch holds at most {BATCH_LIMIT} invoices")
    found: Statuses = {}
    spoilt: FlashError | None = None
    for number in range(MAX_REQUESTS):
        if not waiting:
            break
        try:
            answer = _ask(execute, waiting)
        except FlashError as error:
            if number == 0:
                raise
            spoilt = error
            break
        found |= _sorted_out(waiting, answer)
        waiting = [bolt11 for bolt11 in waiting if bolt11 not in found]
        spoilt = error_for(judge_all(Kind.READ, answer.troubles or [_NO_ANSWER]))
        if not any(_alias(error) is not None for error in answer.errors):
            # Nobody is named as failing, so asking the rest again would end the same way.
            break
    return found | {bolt11: spoilt for bolt11 in waiting if spoilt is not None}


def _ask(execute: Execute, waiting: Sequence[str]) -> Answer:
    variables = {f"s{number}": {"paymentRequest": bolt11} for number, bolt11 in enumerate(waiting)}
    try:
        answer = execute(invoice_statuses(len(waiting)), variables)
    except CarrierTrouble as trouble:
        raise error_for(judge(Kind.READ, trouble.trouble)) from trouble
    if answer.data is None and not any(_alias(error) is not None for error in answer.errors):
        raise error_for(judge_all(Kind.READ, answer.troubles or [_NO_ANSWER]))
    return answer


def _sorted_out(waiting: Sequence[str], answer: Answer) -> Statuses:
    """What one answer tells: the statuses in its data, and an error for each alias that it names as failing."""
    found: Statuses = {}
    for number, bolt11 in enumerate(waiting):
        payload = answer.field(f"s{number}")
        if payload is None:
            continue
        try:
            found[bolt11] = status_read(payload.get("status"))
        except Unreadable:
            found[bolt11] = error_for(judge(Kind.READ, _NO_ANSWER))
    for error in answer.errors:
        failing = _alias(error)
        if failing is not None and failing < len(waiting):
            found.setdefault(waiting[failing], error_for(judge(Kind.READ, top_level_trouble(error))))
    return found


def _alias(error: Mapping[str, Any]) -> int | None:
    path = error.get("path")
    head = path[0] if isinstance(path, list) and path else None
    return int(head[1:]) if isinstance(head, str) and head[:1] == "s" and head[1:].isdigit() else None
