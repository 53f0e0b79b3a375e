"""Long lists in pages, newest first, at the same price however long the list and however deep the page.

A page begins behind a row, not behind a number of rows: `?before=<mark>` (older) and `?after=<mark>` (newer), where a mark is
a row's time and key. Nothing is skipped by counting, a new row at the top moves nobody's page, and rows are counted only as
far as anybody reads the number (`COUNTED_TO`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)

PAGE_SIZE = 25
COUNTED_TO = 1_000
# Rows of one query of an export.
CHUNK = 1_000
OLDEST = "oldest"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 16  # digits of microseconds: beyond the year 2200


@dataclass(frozen=True)
class Total:
    """How many there are, counted as far as `COUNTED_TO`. Written `37` or `1,000+`; false when there are none."""

    counted: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.counted:,}{'+' if self.more else ''}"

    def __bool__(self) -> bool:
        return self.counted > 0


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list. `newer` and `older` are the marks its neighbours begin at, empty where there is none."""

    object_list: list[Row]
    total: Total
    newer: str = ""
    older: str = ""


MANY = Total(COUNTED_TO, more=True)


def total_of(found: QuerySet[Any]) -> Total:
    counted = found.order_by()[: COUNTED_TO + 1].count()
    return Total(min(counted, COUNTED_TO), counted > COUNTED_TO)


def page_of(
    found: QuerySet[Row], asked: Mapping[str, str], *, size: int = PAGE_SIZE, total: Total | None = None
) -> Page[Row]:
    """The page of `found` that an address asks for with `before` or `after`; the first where it asks for nothing sensible.

    The model has a `created_at`; rows come newest first. `total` is for who knows it already.
    """
    total = total_of(found) if total is None else total
    before, after = asked.get("before", ""), asked.get("after", "")
    if before == OLDEST:
        rows = _upwards(found)[: size + 1]
        return _page_upwards(list(rows), total, size, oldest=True)
    if (newer_than := _place(after)) is not None:
        page = _page_upwards(list(_upwards(found).filter(_behind(newer_than, "gt"))[: size + 1]), total, size)
        if page.newer:
            return page
        # Nothing is newer than what was found: that is the first page, which is a full one.
    older_than = None if newer_than else _place(before)
    rows = _downwards(found)
    if older_than is not None:
        rows = rows.filter(_behind(older_than, "lt"))
    got = list(rows[: size + 1])
    shown = got[:size]
    return Page(
        shown,
        total,
        newer=_mark(shown[0]) if shown and older_than is not None else "",
        older=_mark(shown[-1]) if len(got) > size else "",
    )


def chunks_of(found: QuerySet[Row], *, chunk: int = CHUNK) -> Iterator[list[Row]]:
    """Every row, newest first, so many at a time: neither this process nor the database ever holds them all.

    Each chunk is a query of its own, so that a download of an hour keeps no transaction open.
    """
    rows = _downwards(found)
    got = list(rows[:chunk])
    while got:
        yield got
        if len(got) < chunk:
            return
        last = got[-1]
        got = list(rows.filter(_behind((last.created_at, last.pk), "lt"))[:chunk])  # type: ignore[attr-defined]


def _page_upwards(got: list[Row], total: Total, size: int, *, oldest: bool = False) -> Page[Row]:
    """A page from rows that were read from the old end."""
    shown = got[:size][::-1]
    newer = _mark(shown[0]) if len(got) > size else ""
    return Page(shown, total, newer=newer, older="" if oldest or not shown else _mark(shown[-1]))


def _downwards(found: QuerySet[Row]) -> QuerySet[Row]:
    return found.order_by("-created_at", "-pk")


def _upwards(found: QuerySet[Row]) -> QuerySet[Row]:
    return found.order_by("created_at", "pk")


def _behind(place: tuple[datetime, str], way: str) -> Q:
    """Rows beyond a place. The outer condition is what an index can begin at; the inner one settles equal times."""
    at, key = place
    return Q(**{f"created_at__{way}e": at}) & (Q(**{f"created_at__{way}": at}) | Q(**{f"pk__{way}": key}))


def _mark(row: Any) -> str:
    return f"{(row.created_at - _EPOCH) // _MICROSECOND}-{row.pk}"


def _place(mark: str) -> tuple[datetime, str] | None:
    """What a mark says; None for anything that is no mark of ours."""
    microseconds, dash, key = mark.partition("-")
    if not (dash and mark.isascii() and key.isalnum() and microseconds.isdigit() and len(microseconds) <= _LONGEST):
        return None
    return _EPOCH + int(microseconds) * _MICROSECOND, key
