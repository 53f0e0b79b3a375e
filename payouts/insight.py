"""What a shop wants to know about its payouts: figures by day, a table for its books, and everything that happened to one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from flashpay.keyset import chunks_of
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import currency_get
from flashpay.spreadsheets import csv_lines
from flashpay.stores.models import Event, Store
from payouts.models import UNSENT_PAYOUT_STATES, AttemptEvidence, AttemptState, Payout, PayoutAttempt, PayoutState

CSV_COLUMNS = (
    "id", "pull_payment", "state", "created_at", "completed_at", "destination_kind", "destination", "currency", "amount",
    "amount_msat", "rate_btc", "rate_source", "rate_at", "fee_msat", "payment_hash", "preimage", "attempts",
    "needs_review", "created_by", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Day:
    """One day in the store's time zone, in msat, and how many of each: claimed that day and not cancelled; of these still
    in flight; paid that day; and attempts that were proved that day to have failed."""

    date: date
    claimed_msat: int
    claims: int
    paid_msat: int
    paid: int
    in_flight_msat: int = 0
    in_flight: int = 0
    failed_msat: int = 0
    failed: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.claims or self.paid or self.failed)


@dataclass(frozen=True)
class Totals:
    """All that was ever claimed and not cancelled, and where it stands now, in msat."""

    claimed_msat: int
    waiting_msat: int
    in_flight_msat: int
    paid_msat: int
    failed_attempts: int
    needs_review: int


@dataclass(frozen=True)
class Entry:
    """One line of a payout's history. `grade` and `says` are set for evidence alone."""

    at: datetime
    what: str
    actor: str
    detail: str
    attempt: int | None = None
    grade: str = ""
    says: str = ""


def payout_totals(store: Store) -> Totals:
    found = Payout.objects.filter(store=store).aggregate(
        claimed=Sum("amount_msat", filter=~Q(state=PayoutState.CANCELLED)),
        waiting=Sum("amount_msat", filter=Q(state__in=UNSENT_PAYOUT_STATES)),
        flight=Sum("amount_msat", filter=Q(state=PayoutState.IN_PROGRESS)),
        paid=Sum("amount_msat", filter=Q(state=PayoutState.COMPLETED)),
        review=Count("pk", filter=Q(needs_review=True)),
    )
    failed = Payout.objects.filter(store=store, attempts__state=AttemptState.FAILED).count()
    return Totals(
        found["claimed"] or 0, found["waiting"] or 0, found["flight"] or 0, found["paid"] or 0, failed, found["review"]
    )


def payout_days(*, store: Store, now: datetime, days: int = 30) -> list[Day]:
    """The last `days` days, oldest first, none left out."""
    zone = ZoneInfo(store.time_zone)
    today = now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    payouts = Payout.objects.filter(store=store)
    claimed = _by_day(payouts.exclude(state=PayoutState.CANCELLED), "created_at", since, zone)
    paid = _by_day(payouts.filter(state=PayoutState.COMPLETED), "completed_at", since, zone)
    flight = _by_day(payouts.filter(state=PayoutState.IN_PROGRESS), "created_at", since, zone)
    attempts = PayoutAttempt.objects.filter(store=store, state=AttemptState.FAILED)
    failed = _by_day(attempts, "ended_at", since, zone)
    dates = [first + timedelta(days=number) for number in range(days)]
    return [
        Day(each, *(figure for column in (claimed, paid, flight, failed) for figure in column.get(each, (0, 0))))
        for each in dates
    ]


def payouts_csv(payouts: QuerySet[Payout]) -> Iterator[str]:
    """The payouts as CSV, line by line, with both sides of every conversion. Texts of strangers are no formulas."""
    rows = (_cells(payout) for payout in chain.from_iterable(chunks_of(payouts.prefetch_related("attempts"))))
    return csv_lines(chain([CSV_COLUMNS], rows))


def payout_history(payout: Payout) -> list[Entry]:
    """Everything recorded about a payout, its attempts and what was found out about them, in the order it happened."""
    attempts = {str(attempt.pk): attempt.number for attempt in payout.attempts.all()}
    mine = Q(entity="payout", entity_id=payout.pk) | Q(entity="payoutattempt", entity_id__in=list(attempts))
    entries = [
        Entry(event.at, event.type, event.actor, _detail(event), attempts.get(event.entity_id))
        for event in Event.objects.filter(mine, store=payout.store_id).order_by("id")
    ]
    entries += [
        Entry(found.at, found.source, "system", found.summary, found.attempt.number, found.grade, found.says)
        for found in AttemptEvidence.objects.filter(attempt__payout=payout).select_related("attempt").order_by("id")
    ]
    return sorted(entries, key=lambda entry: entry.at)


def _by_day(rows: QuerySet[Any], column: str, since: datetime, zone: ZoneInfo) -> dict[date, tuple[int, int]]:
    days = (
        rows.filter(**{f"{column}__gte": since})
        .values_list(TruncDate(column, tzinfo=zone))
        .annotate(sum=Sum("amount_msat"), count=Count("pk"))
        .order_by()
    )
    return {day: (msat, count) for day, msat, count in days}


def _cells(payout: Payout) -> list[str]:
    attempts = list(payout.attempts.all())
    last = attempts[-1] if attempts else None
    cells = [
        payout.pk, payout.pull_payment_id, payout.state, payout.created_at.isoformat(),
        payout.completed_at and payout.completed_at.isoformat(), payout.destination_kind, payout.destination,
        payout.currency, amount_plain(payout.amount, currency_get(payout.currency)), payout.amount_msat,
        payout.rate, payout.rate_source, payout.rate_at and payout.rate_at.isoformat(),
        last and last.fee_msat, last and last.payment_hash, last and last.preimage, len(attempts),
        payout.needs_review, payout.created_by, payout.reason,
    ]  # fmt: skip
    return ["" if cell is None else str(cell) for cell in cells]


def _detail(event: Event) -> str:
    for name in ("reason", "summary", "verdict"):
        if event.evidence.get(name):
            return str(event.evidence[name])
    return ""
