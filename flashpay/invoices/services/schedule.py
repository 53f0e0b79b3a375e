"""When a Lightning invoice is asked about again: often while a payer may be paying, ever rarer afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta

POLL_INTERVAL = timedelta(seconds=5)
# (age up to, asked every): a code lives a minute, and money that comes later is rare but must be found.
_BY_AGE = [
    (timedelta(minutes=2), POLL_INTERVAL),
    (timedelta(minutes=15), timedelta(seconds=30)),
    (timedelta(hours=1), timedelta(minutes=2)),
    (timedelta(hours=6), timedelta(minutes=10)),
]
_OLDEST = timedelta(minutes=30)


def first_poll_at(now: datetime) -> datetime:
    return now + POLL_INTERVAL


def next_poll_at(*, created_at: datetime, poll_until: datetime, now: datetime) -> datetime | None:
    """The next time to ask, or None when its monitoring is over. The last look falls on the end itself."""
    if now >= poll_until:
        return None
    age = now - created_at
    interval = next((every for up_to, every in _BY_AGE if age < up_to), _OLDEST)
    return min(now + interval, poll_until)
