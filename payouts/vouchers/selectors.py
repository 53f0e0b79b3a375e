"""Reading vouchers: where each stands, how many of each kind a batch holds, and the table for a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Case, CharField, Count, F, OuterRef, QuerySet, Subquery, Value, When
from django.urls import reverse

from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import currency_get
from flashpay.stores.models import Store
from payouts.models import Payout, PayoutState
from payouts.selectors import claim_link, pull_payment_lnurl
from payouts.vouchers.models import CODE_ALPHABET, CODE_LENGTH, Voucher, VoucherBatch

# In the order in which a voucher goes through them; the words are in `flashpay.state_words`.
STATES = ("Unclaimed", "Claimed", "InFlight", "Paid", "Revoked", "Expired")

CSV_COLUMNS = ("number", "code", "amount", "currency", "state", "expires", "claim_link", "lnurl", "paid_at")
_NOT_OF_CODES = re.compile(r"[\s\-–_.]+")


def vouchers_with_state(vouchers: QuerySet[Voucher], now: datetime) -> QuerySet[Any]:
    """The same vouchers, each with `state` (one of STATES) and `paid_at`, worked out by the database."""
    live = Payout.objects.filter(pull_payment=OuterRef("pk")).exclude(state=PayoutState.CANCELLED)
    newest = live.order_by("-created_at")
    return vouchers.annotate(
        payout_state=Subquery(newest.values("state")[:1]),
        paid_at=Subquery(newest.values("completed_at")[:1]),
    ).annotate(
        state=Case(
            When(payout_state=PayoutState.COMPLETED, then=Value("Paid")),
            When(payout_state=PayoutState.IN_PROGRESS, then=Value("InFlight")),
            When(payout_state__isnull=False, then=Value("Claimed")),
            When(pull_payment__archived_at__isnull=False, then=Value("Revoked")),
            When(pull_payment__expires_at__lte=now, then=Value("Expired")),
            default=Value("Unclaimed"),
            output_field=CharField(),
        )
    )


def vouchers_of(batch: VoucherBatch, now: datetime) -> QuerySet[Any]:
    """The batch's vouchers by number, each with its state."""
    found = Voucher.objects.filter(batch=batch).select_related("pull_payment", "batch")
    return vouchers_with_state(found, now).order_by("number")


def batches_of(store: Store) -> QuerySet[VoucherBatch]:
    """The store's batches, newest first."""
    return VoucherBatch.objects.filter(store=store).order_by("-created_at", "pk")


def batch_counts(batches: Iterable[VoucherBatch], now: datetime) -> dict[str, dict[str, int]]:
    """How many vouchers of each state every batch holds, by batch id, in one query."""
    batches = list(batches)
    counts = {batch.pk: dict.fromkeys(STATES, 0) for batch in batches}
    found = vouchers_with_state(Voucher.objects.filter(batch__in=batches), now)
    rows = found.order_by().values("state").annotate(batch_pk=F("batch_id"), count=Count("pk"))
    for row in rows:
        counts[row["batch_pk"]][row["state"]] = row["count"]
    return counts


def code_read(text: str) -> str:
    """A code as somebody typed it: spaces, dashes and small letters do not matter. Empty when it cannot be one."""
    bare = _NOT_OF_CODES.sub("", text).upper()
    return bare if len(bare) == CODE_LENGTH and set(bare) <= set(CODE_ALPHABET) else ""


def voucher_by_code(text: str) -> Voucher | None:
    """The voucher with this code, typed in any way. None for an unknown one."""
    code = code_read(text)
    return Voucher.objects.select_related("pull_payment").filter(code=code).first() if code else None


def redeem_address() -> str:
    """Where a code is typed in, as it stands on paper: without the scheme."""
    return (settings.PUBLIC_URL + reverse("vouchers:redeem")).partition("://")[2]


def csv_rows(batch: VoucherBatch, now: datetime) -> Iterator[tuple[str, ...]]:
    """The batch as rows of text, the first with the names of the columns. It holds the secrets that pay out."""
    currency = currency_get(batch.currency)
    yield CSV_COLUMNS
    for voucher in vouchers_of(batch, now).iterator(chunk_size=200):
        state, paid_at = voucher.state, voucher.paid_at
        yield (
            voucher.label,
            voucher.code_shown,
            amount_plain(batch.amount, currency),
            currency.code,
            state,
            batch.expires_at.isoformat() if batch.expires_at else "",
            claim_link(voucher.pull_payment),
            pull_payment_lnurl(voucher.pull_payment).bech32,
            paid_at.isoformat() if paid_at else "",
        )
