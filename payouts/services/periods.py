"""Pull payments that renew themselves: at the end of each period their amount can be claimed again."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from flashpay.stores.events import event_record
from payouts.models import PullPayment, Renewal

# Enough to catch up with any pause of the service, one period at a time being one too many.
_LONGEST_CATCH_UP = 10_000


def period_end(start: datetime, every: str, count: int = 1) -> datetime:
    """The end of the `count`-th period from `start`; months keep the day, or take the month's last one."""
    match every:
        case Renewal.DAILY:
            return start + timedelta(days=count)
        case Renewal.WEEKLY:
            return start + timedelta(weeks=count)
        case Renewal.MONTHLY:
            years, month = divmod(start.month - 1 + count, 12)
            last = calendar.monthrange(start.year + years, month + 1)[1]
            return start.replace(year=start.year + years, month=month + 1, day=min(start.day, last))
    raise ValueError("a period lasts a day, a week or a month")


def pull_payments_renew(*, now: datetime | None = None) -> int:
    """Begin a new period of every pull payment whose last one is over; returns how many. Safe to run twice at once.

    What was claimed stays claimed: the amount becomes that plus the period's own, so that the sum of all claims never
    exceeds it. What was left of the former period lapses.
    """
    now = now or timezone.now()
    due = PullPayment.objects.filter(renews_at__lte=now, archived_at=None)
    return sum(_renew(pull_payment, now) for pull_payment in due[:_LONGEST_CATCH_UP])


def _renew(pull_payment: PullPayment, now: datetime) -> bool:
    ends_at = _next_end(pull_payment, now)
    lapsed = pull_payment.remaining
    with transaction.atomic():
        renewed = PullPayment.objects.filter(
            pk=pull_payment.pk, renews_at=pull_payment.renews_at, archived_at=None
        ).update(amount=F("claimed") + F("renew_amount"), claims=0, renews_at=ends_at)
        if renewed:
            evidence = {"amount": pull_payment.renew_amount, "lapsed": lapsed, "until": ends_at.isoformat()}
            event_record(row=pull_payment, type="PullPaymentRenewed", at=now, evidence=evidence)
    return bool(renewed)


def _next_end(pull_payment: PullPayment, now: datetime) -> datetime:
    # Counted from the first start, so that the 31st stays the 31st after a short month.
    for count in range(1, _LONGEST_CATCH_UP):
        end = period_end(pull_payment.starts_at, pull_payment.renews_every, count)
        if end > now:
            return end
    raise ValueError(f"pull payment {pull_payment.pk} began too long ago to renew")
