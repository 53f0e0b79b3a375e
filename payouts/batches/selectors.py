"""How a batch goes: counts, the rows behind them, and all of it as a table for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from flashpay.money.amounts import MSAT_PER_SAT, amount_plain
from flashpay.money.currencies import currency_get
from flashpay.spreadsheets import csv_lines
from flashpay.stores.models import Store
from payouts.batches.models import BatchPayout, BatchState, PayoutBatch
from payouts.models import ENDED_PAYOUT_STATES, PayoutState
from payouts.selectors import receipt_link

RESULT_COLUMNS = (
    "row", "reference", "note", "destination", "amount", "currency", "amount_sat", "state", "needs_review", "reason",
    "completed_at", "fee_sat", "payment_hash", "preimage", "payout", "receipt",
)  # fmt: skip
SAMPLE = (
    ("destination", "amount", "currency", "reference", "note"),
    ("anna@example.com", "25000", "SAT", "SALARY-2031", "Hours of the first week"),
    ("ben@example.com", "12.50", "USD", "REFUND-118", "Returned a cup"),
)
_BATCH = 500
# The tabs of a batch: name in the address → which of its payouts.
TABS: dict[str, Q] = {
    "": Q(),
    "approval": Q(payout__state=PayoutState.AWAITING_APPROVAL),
    "waiting": Q(payout__state=PayoutState.AWAITING_PAYMENT, payout__reason=""),
    # Failed last time, or could not be sent: the reason says which, and it is tried again.
    "held": Q(payout__state=PayoutState.AWAITING_PAYMENT) & ~Q(payout__reason=""),
    "flight": Q(payout__state=PayoutState.IN_PROGRESS, payout__needs_review=False),
    "review": Q(payout__needs_review=True),
    "completed": Q(payout__state=PayoutState.COMPLETED),
    "cancelled": Q(payout__state=PayoutState.CANCELLED),
}


@dataclass(frozen=True)
class Progress:
    """How many payouts each tab holds, and the money behind all of them and behind those that arrived."""

    counts: dict[str, int]
    amount_msat: int
    paid_msat: int

    @property
    def total(self) -> int:
        return self.counts[""]

    @property
    def ended(self) -> int:
        return self.counts["completed"] + self.counts["cancelled"]

    @property
    def final(self) -> bool:
        return self.ended == self.total


def batches_of(store: Store) -> QuerySet[PayoutBatch]:
    """The store's batches and open drafts, newest first, each with its number of payouts, those that ended, and its sum."""
    ended = Q(made__payout__state__in=ENDED_PAYOUT_STATES)
    return (
        PayoutBatch.objects.filter(store=store)
        .exclude(state=BatchState.DISCARDED)
        .annotate(count=Count("made"), ended=Count("made", filter=ended), amount_msat=Sum("made__payout__amount_msat"))
        .order_by("-created_at")
        .defer("rows")
    )


def batch_progress(batch: PayoutBatch) -> Progress:
    found = BatchPayout.objects.filter(batch=batch).aggregate(
        amount=Sum("payout__amount_msat"),
        paid=Sum("payout__amount_msat", filter=TABS["completed"]),
        **{f"in_{tab}": Count("pk", filter=wanted) if wanted else Count("pk") for tab, wanted in TABS.items()},
    )
    return Progress({tab: found[f"in_{tab}"] for tab in TABS}, found["amount"] or 0, found["paid"] or 0)


def batch_payouts(*, batch: PayoutBatch, tab: str = "") -> QuerySet[BatchPayout]:
    """Its payouts in the order of the table, or those of one tab."""
    found = BatchPayout.objects.filter(batch=batch).select_related("payout").order_by("line")
    return found.filter(TABS[tab]) if tab in TABS else found


def batch_csv(batch: PayoutBatch) -> Iterator[str]:
    """Every row with what became of it. Taken as a table again it has the same columns."""
    return csv_lines(_result_rows(batch))


def sample_csv() -> Iterator[str]:
    return csv_lines(SAMPLE)


def _result_rows(batch: PayoutBatch) -> Iterator[tuple[str, ...]]:
    yield RESULT_COLUMNS
    made = batch_payouts(batch=batch).prefetch_related("payout__attempts")
    for each in made.iterator(chunk_size=_BATCH):
        yield _result(each)


def _result(made: BatchPayout) -> tuple[str, ...]:
    payout = made.payout
    attempts = list(payout.attempts.all())
    last = attempts[-1] if attempts else None
    paid = payout.state == PayoutState.COMPLETED
    return (
        str(made.line), made.reference, made.note, payout.destination,
        amount_plain(payout.amount, currency_get(payout.currency)), payout.currency, _sat(payout.amount_msat),
        payout.state, "yes" if payout.needs_review else "", payout.reason,
        payout.completed_at.isoformat() if payout.completed_at else "",
        _sat(last.fee_msat) if last and last.fee_msat is not None else "",
        last.payment_hash if last else "", last.preimage if last else "", payout.pk,
        receipt_link(payout) if paid else "",
    )  # fmt: skip


def _sat(msat: int) -> str:
    """Sats, with thousandths only where there are any."""
    whole, rest = divmod(msat, MSAT_PER_SAT)
    return f"{whole}.{rest:03d}" if rest else str(whole)
