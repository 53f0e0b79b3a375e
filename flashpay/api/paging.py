"""Lists in pages: `skip` and `take`, as BTCPay Server's invoices have them."""

from __future__ import annotations

from typing import Annotated, TypeVar

from django.db.models import Model, QuerySet
from ninja import Query

LONGEST_PAGE = 1000
_FARTHEST = 10_000_000

Skip = Annotated[int, Query(ge=0, le=_FARTHEST, description="How many to leave out at the beginning")]
Take = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many to answer")]
Record = TypeVar("Record", bound=Model)


def page_of(found: QuerySet[Record], skip: int, take: int) -> list[Record]:
    return list(found[skip : skip + take])
