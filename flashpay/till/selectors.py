"""Reading tills and their sales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from flashpay.invoices.keypad import tip_shown
from flashpay.invoices.models import Invoice, InvoiceState, Source
from flashpay.invoices.selectors import invoice_state_now
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store, User
from flashpay.stores.permissions import USE_TILL, roles_that_may
from flashpay.till.models import Till

# More sales in one day than a screen can show; the sums count them all.
MOST_SHOWN = 200


class Sale(NamedTuple):
    """`who`: the person at the till, empty where the customer paid by the share link. `tip` in minor units."""

    invoice: Invoice
    state: str
    tip: int
    who: str


@dataclass
class Sums:
    """What was paid in one currency today, in its minor units; `total` has the tips in it."""

    currency: str
    count: int = 0
    total: int = 0
    tips: int = 0


@dataclass
class Day:
    sales: list[Sale] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)
    left_out: int = 0


def till_get(till_id: str) -> Till | None:
    return Till.objects.select_related("store", "link").filter(pk=till_id).first()


def tills_usable(user: User) -> QuerySet[Till]:
    """The open tills that the person may work at, in all stores."""
    return (
        Till.objects.select_related("store", "link")
        .filter(
            archived=False,
            store__archived=False,
            store__memberships__user=user,
            store__memberships__role__in=roles_that_may(USE_TILL),
        )
        .order_by("store__name", "name")
    )


def tills_of(store: Store) -> QuerySet[Till]:
    """Every till of the store, open ones first."""
    return Till.objects.select_related("store", "link").filter(store=store).order_by("archived", "name")


def sale_find(till: Till, invoice_id: str) -> Invoice | None:
    """An invoice that was made at this till."""
    found = Invoice.objects.select_related("store").filter(pk=invoice_id, source=Source.TILL, source_id=till.pk)
    return found.first()


def sales_today(till: Till, now: datetime) -> Day:
    """The till's sales since midnight in the store's zone, newest first, and what they add up to."""
    midnight = now.astimezone(ZoneInfo(till.store.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = Invoice.objects.filter(
        Q(source=Source.TILL, source_id=till.pk) | Q(source=Source.PAY_LINK, source_id=till.link_id),
        created_at__gte=midnight,
    ).order_by("-created_at", "pk")
    sales = [_sale(invoice, now) for invoice in found]
    return Day(sales[:MOST_SHOWN], _sums(sales), max(len(sales) - MOST_SHOWN, 0))


def _sale(invoice: Invoice, now: datetime) -> Sale:
    who = invoice.created_by if invoice.source == Source.TILL else ""
    return Sale(invoice, invoice_state_now(invoice, now), tip_shown(invoice), who)


def _sums(sales: Iterable[Sale]) -> list[Sums]:
    sums: dict[str, Sums] = {}
    for sale in sales:
        if sale.state != InvoiceState.SETTLED:
            continue
        amount, currency = sale.invoice.amount, sale.invoice.currency
        if amount is None:
            # A wallet chose what to pay to the share link's LNURL: nothing was keyed in, and sats are what came.
            amount, currency = sale.invoice.received_msat // MSAT_PER_SAT, SAT.code
        one = sums.setdefault(currency, Sums(currency))
        one.count += 1
        one.total += amount
        one.tips += sale.tip
    return [sums[currency] for currency in sorted(sums)]
