"""One search for invoices, in the words of BTCPay Server: `coffee status:settled startdate:-7d amount:10..20`.

    status:settled   exceptionstatus:paidlate   type:topup   archived:true   source:address
    orderid:A-17     orderid:"with spaces"
    startdate:2026-01-31   startdate:2026-01-31T18:00   startdate:-7d (or -12h)   enddate:… (a day includes its end)
    currency:JMD     amount:12.50   amount:>=10   amount:<5   amount:10..20      in major units of the invoice's currency
    anything else    an id or its beginning, an order number, a payment hash, a BOLT 11 invoice, a buyer's e-mail address,
                     or words of the description

A filter given twice means either of both. Words that are no filter are looked for as they stand, anywhere in a description;
one or two letters alone are looked for where a word begins.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal

from django.db.models import Q, QuerySet

from flashpay import lightning
from flashpay.ids import ID_CHARACTER
from flashpay.invoices.models import (
    BUYER,
    AdditionalState,
    Invoice,
    InvoiceState,
    InvoiceType,
    LightningInvoice,
    Source,
)
from flashpay.keyset import COUNTED_TO
from flashpay.money.amounts import amount_from_decimal
from flashpay.money.currencies import CURRENCIES
from flashpay.money.errors import MoneyError

LONGEST_SEARCH = 2_000  # characters: a BOLT 11 is the longest thing that anybody pastes
_RELATIVE = re.compile(r"-([0-9]{1,4})([dh])")
_AMOUNT = re.compile(r"(>=|<=|>|<)?([0-9]+(?:\.[0-9]+)?)(?:\.\.([0-9]+(?:\.[0-9]+)?))?")
_LOOKUPS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_SHORT = re.compile(r"[0-9A-Za-z]{1,2}")
# An id, as much of its beginning as tells it from others, or both its ends as the list shows it.
_ID_SHOWN = re.compile(rf"({ID_CHARACTER}{{6,22}})(?:…({ID_CHARACTER}{{1,16}}))?")


@dataclass
class InvoiceQuery:
    """A search that was understood. `problems` are sentences about what was not; with any of them nothing is found, for
    half of a search shows, and exports, what nobody asked for."""

    text: str = ""
    filters: dict[str, Q] = field(default_factory=dict)
    archived: bool = False
    # Whether more are found than anybody counts; known once `invoices_matching` has looked the words up.
    many: bool = False
    problems: list[str] = field(default_factory=list)

    def either(self, name: str, condition: Q) -> None:
        self.filters[name] = self.filters[name] | condition if name in self.filters else condition


def query_read(text: str, *, now: datetime, zone: tzinfo = UTC) -> InvoiceQuery:
    """Understand what somebody typed; days are days of `zone`."""
    query = InvoiceQuery()
    rest = []
    # PostgreSQL takes no text with a NUL in it.
    for word in _words(text[:LONGEST_SEARCH].replace("\0", "")):
        name, colon, value = word.partition(":")
        reader = _READERS.get(name.lower()) if colon else None
        if reader is None:
            rest.append(word)
        elif not value:
            query.problems.append(f"Write after “{word}” what to look for, without a space.")
        elif (problem := reader(query, value, now, zone)) is not None:
            query.problems.append(problem)
    query.text = " ".join(rest)
    return query


def invoices_matching(found: QuerySet[Invoice], query: InvoiceQuery) -> QuerySet[Invoice]:
    """`found`, narrowed by everything in the search; archived ones only where they are asked for."""
    if query.problems:
        return found.none()
    found = found.filter(archived=query.archived)
    for condition in query.filters.values():
        found = found.filter(condition)
    if not query.text:
        return found
    payment_hash = _payment_hash(query.text)
    if payment_hash:
        return found.filter(pk__in=LightningInvoice.objects.filter(payment_hash=payment_hash).values("invoice"))
    return _with_words(found, query)


def _words(text: str) -> list[str]:
    """Split at spaces, keeping what stands in double quotes together; a quote that never ends is just a character."""
    splitter = shlex.shlex(text, posix=True, punctuation_chars=False)
    splitter.whitespace_split, splitter.commenters, splitter.quotes, splitter.escape = True, "", '"', ""
    try:
        return list(splitter)
    except ValueError:
        return text.split()


def _with_words(found: QuerySet[Invoice], query: InvoiceQuery) -> QuerySet[Invoice]:
    """Those of `found` that the words name. Asks the database at once: give it a query with every other condition in it.

    Where few are found they are named by their keys from here on. A page is the newest of them, and a database that only
    guesses how many there are may walk through the years of a shop in that order, hoping to meet the next one soon.
    """
    named = found.alias(buyer=BUYER).filter(_by_words(query.text))
    keys = list(named.order_by().values_list("pk", flat=True)[: COUNTED_TO + 1])
    query.many = len(keys) > COUNTED_TO
    return named if query.many else named.model.objects.filter(pk__in=keys)


def _by_words(text: str) -> Q:
    described = Q(description__icontains=text)
    if _SHORT.fullmatch(text):
        # Less than three letters stand in no index but as the beginning of a word.
        described = Q(description__istartswith=text) | Q(description__icontains=f" {text}")
    elif "@" in text:
        described |= Q(buyer=text.upper())
    shown = _ID_SHOWN.fullmatch(text)
    if shown:
        ends = Q(pk__endswith=shown[2]) if shown[2] else Q()
        described |= Q(pk__startswith=shown[1]) & ends
    return Q(order_id__iexact=text) | described


def _payment_hash(text: str) -> str:
    if _HASH.fullmatch(text):
        return text.lower()
    if text.lower().startswith(("ln", "lightning:ln")):
        try:
            return lightning.invoice_read(text.lower().removeprefix("lightning:")).payment_hash
        except lightning.InvalidInvoice:
            return ""
    return ""


_Reader = Callable[[InvoiceQuery, str, datetime, tzinfo], str | None]


def _choice(column: str, names: Iterable[str]) -> _Reader:
    known = {name.lower(): name for name in names}

    def read(query: InvoiceQuery, value: str, now: datetime, zone: tzinfo) -> str | None:
        found = known.get(value.lower())
        if found is None:
            return f"“{value[:40]}” is none of {', '.join(known)}."
        query.either(column, Q(**{column: found}))
        return None

    return read


def _order(query: InvoiceQuery, value: str, now: datetime, zone: tzinfo) -> str | None:
    query.either("order", Q(order_id=value))
    return None


def _archived(query: InvoiceQuery, value: str, now: datetime, zone: tzinfo) -> str | None:
    query.archived = value.lower() in ("true", "yes", "1")
    return None


def _since(query: InvoiceQuery, value: str, now: datetime, zone: tzinfo) -> str | None:
    moment = _moment(value, now, zone, end=False)
    if moment is None:
        return _no_date(value)
    query.filters["since"] = Q(created_at__gte=moment)
    return None


def _until(query: InvoiceQuery, value: str, now: datetime, zone: tzinfo) -> str | None:
    moment = _moment(value, now, zone, end=True)
    if moment is None:
        return _no_date(value)
    query.filters["until"] = Q(created_at__lt=moment)
    return None


def _moment(value: str, now: datetime, zone: tzinfo, *, end: bool) -> datetime | None:
    relative = _RELATIVE.fullmatch(value)
    if relative:
        number = int(relative[1])
        return now - (timedelta(days=number) if relative[2] == "d" else timedelta(hours=number))
    try:
        moment = datetime.fromisoformat(value)
        if len(value) == len("2026-01-31"):
            moment = datetime.combine(moment.date() + timedelta(days=1 if end else 0), time())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _no_date(value: str) -> str:
    return f"“{value[:40]}” is no date. Write 2026-01-31, 2026-01-31T18:00, or -7d for the last seven days."


def _amount(query: InvoiceQuery, value: str, now: datetime, zone: tzinfo) -> str | None:
    match = _AMOUNT.fullmatch(value)
    if match is None or (match[1] and match[3]):
        return f"“{value[:40]}” is no amount. Write 12.50, >=10, or 10..20."
    if match[3] and Decimal(match[2]) > Decimal(match[3]):
        return f"“{value[:40]}” begins above its end. Write the smaller amount first: {match[3]}..{match[2]}."
    condition = Q(pk__in=[])
    for decimals in {currency.decimals for currency in CURRENCIES.values()}:
        of_these = [currency for currency in CURRENCIES.values() if currency.decimals == decimals]
        try:
            low = amount_from_decimal(match[2], of_these[0], allow_zero=True)
            high = amount_from_decimal(match[3], of_these[0], allow_zero=True) if match[3] else None
        except MoneyError:
            continue  # more decimals than these currencies have, or more than there is: nothing can match
        lookup = "gte" if high is not None else _LOOKUPS.get(match[1] or "", "exact")
        one = Q(currency__in=[currency.code for currency in of_these], **{f"amount__{lookup}": low})
        condition |= one if high is None else one & Q(amount__lte=high)
    query.either("amount", condition)
    return None


_READERS: dict[str, _Reader] = {
    "status": _choice("state", InvoiceState.values),
    "exceptionstatus": _choice("additional_state", AdditionalState.values),
    "type": _choice("type", InvoiceType.values),
    "currency": _choice("currency", CURRENCIES),
    "source": _choice("source", Source.values),
    "orderid": _order,
    "startdate": _since,
    "enddate": _until,
    "amount": _amount,
    "archived": _archived,
}
