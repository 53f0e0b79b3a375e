"""What the store's pages show, read in few queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from flashpay.invoices.models import Invoice, InvoiceState, Payment, PaymentRequest
from flashpay.keyset import Total, total_of
from flashpay.stores.models import Event, Store
from payouts.models import Payout, PayoutAttempt, PayoutState, PullPayment

# A payment hash belongs to one payout, which tries its invoice again a few times at most.
MOST_BY_HASH = 100


@dataclass(frozen=True)
class Figures:
    """Money in and out of a store since a moment, in msat."""

    received_msat: int
    paid_out_msat: int
    invoices_settled: int
    payouts_completed: int


@dataclass(frozen=True)
class Waiting:
    """How many payouts wait, and for what."""

    awaiting_approval: int
    in_flight: int
    needs_review: int


def figures(*, store: Store, since: datetime) -> Figures:
    received = Payment.objects.filter(store=store, settled_at__gte=since).aggregate(
        msat=Sum("amount_msat"), invoices=Count("invoice", distinct=True)
    )
    paid = Payout.objects.filter(store=store, state=PayoutState.COMPLETED, completed_at__gte=since).aggregate(
        msat=Sum("amount_msat"), count=Count("pk")
    )
    return Figures(
        received_msat=received["msat"] or 0,
        paid_out_msat=paid["msat"] or 0,
        invoices_settled=received["invoices"] or 0,
        payouts_completed=paid["count"] or 0,
    )


def waiting(*, store: Store) -> Waiting:
    payouts = Payout.objects.filter(store=store)
    return Waiting(
        # Three short looks into an index; counting them in one query would read every payout there ever was.
        awaiting_approval=payouts.filter(state=PayoutState.AWAITING_APPROVAL).count(),
        in_flight=payouts.filter(state=PayoutState.IN_PROGRESS).count(),
        needs_review=payouts.filter(needs_review=True).count(),
    )


def pull_payments_found(*, store: Store, tab: str, now: datetime) -> QuerySet[PullPayment]:
    # Vouchers have pages of their own; a batch of them would hide the rest.
    found = PullPayment.objects.filter(store=store, voucher=None)
    over = Q(expires_at__lte=now)
    match tab:
        case "archived":
            found = found.filter(archived_at__isnull=False)
        case "expired":
            found = found.filter(over, archived_at=None)
        case "future":
            found = found.filter(archived_at=None, starts_at__gt=now)
        case _:
            found = found.filter(archived_at=None, starts_at__lte=now).exclude(over)
    return found.order_by("-created_at")


def payouts_found(*, store: Store, state: str = "", text: str = "") -> QuerySet[Payout]:
    found = Payout.objects.filter(store=store).select_related("pull_payment")
    if state == "needs_review":
        found = found.filter(needs_review=True)
    elif state in PayoutState.values:
        found = found.filter(state=state)
    if text:
        # Asked first: a condition on another table would keep every index from being used.
        by_hash = PayoutAttempt.objects.filter(payment_hash=text.lower()).values_list("payout", flat=True)
        by_reference = Payout.objects.filter(store=store, in_batch__reference=text).values_list("pk", flat=True)
        found = found.filter(
            Q(pk__in=[text, *by_hash[:MOST_BY_HASH], *by_reference[:MOST_BY_HASH]])
            | Q(destination__iexact=text)
            | Q(pull_payment=text)
        )
    return found.order_by("-created_at")


def payout_counts(*, store: Store) -> dict[str, Total]:
    """How many payouts each tab of the list holds."""
    payouts = Payout.objects.filter(store=store)
    counts = {str(state): total_of(payouts.filter(state=state)) for state in PayoutState.values}
    return counts | {"needs_review": total_of(payouts.filter(needs_review=True))}


def midnight(*, store: Store, now: datetime) -> datetime:
    """When the store's day began."""
    zone = ZoneInfo(store.time_zone)
    return datetime.combine(now.astimezone(zone).date(), time(), zone)


def invoice_counts(*, store: Store) -> dict[str, Total]:
    """How many invoices each tab of the list holds."""
    invoices = Invoice.objects.filter(store=store, archived=False)
    counts = {str(state): total_of(invoices.filter(state=state)) for state in InvoiceState.values}
    return counts | {"Archived": total_of(Invoice.objects.filter(store=store, archived=True))}


def requests_found(*, store: Store, archived: bool, text: str = "") -> QuerySet[PaymentRequest]:
    """The store's bills, newest first; `text`: words of the title, the store's number for it, the payer's address or the id."""
    found = PaymentRequest.objects.filter(store=store, archived=archived)
    text = text.replace("\0", "")
    if text:
        found = found.filter(
            Q(title__icontains=text) | Q(reference_id__icontains=text) | Q(email__icontains=text) | Q(pk=text)
        )
    return found


def timeline(*, store: Store, entities: dict[str, list[str]]) -> list[Event]:
    """Everything recorded about some records, oldest first: `{"payout": [id], "payoutattempt": [id, …]}`."""
    wanted = Q()
    for entity, ids in entities.items():
        wanted |= Q(entity=entity, entity_id__in=ids)
    return list(Event.objects.filter(wanted, store=store).order_by("id"))


def daily_sums(*, store: Store, now: datetime, days: int = 30) -> list[dict[str, Any]]:
    """What came in and went out on each of the last `days` days of the store's calendar, oldest first, in msat."""
    zone = ZoneInfo(store.time_zone)
    dates = [now.astimezone(zone).date() - timedelta(days=number) for number in reversed(range(days))]
    first = datetime.combine(dates[0], time(), zone)
    received = dict(
        Payment.objects.filter(store=store, settled_at__gte=first)
        .values_list(TruncDate("settled_at", tzinfo=zone))
        .annotate(sum=Sum("amount_msat"))
        .order_by()
    )
    paid = dict(
        Payout.objects.filter(store=store, state=PayoutState.COMPLETED, completed_at__gte=first)
        .values_list(TruncDate("completed_at", tzinfo=zone))
        .annotate(sum=Sum("amount_msat"))
        .order_by()
    )
    return [{"date": date, "in_msat": received.get(date, 0), "out_msat": paid.get(date, 0)} for date in dates]
