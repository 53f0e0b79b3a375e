"""Bringing a table, correcting it, and making its payouts: all of them or none, and once however often that is asked."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, replace
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from flashpay.refusals import Refusal
from flashpay.stores.events import transition
from flashpay.stores.models import Store, User
from flashpay.stores.wallets import wallet_of
from payouts.batches.checking import Checked, CheckedRow, rows_check
from payouts.batches.models import LONGEST_NAME, BatchPayout, BatchState, PayoutBatch
from payouts.batches.reading import Row, rows_sha256, table_read
from payouts.models import UNSENT_PAYOUT_STATES, Payout, PayoutState
from payouts.services import payout_approve, payout_cancel
from payouts.services.bulk import Planned, payouts_write

log = structlog.get_logger(__name__)

# A draft that nobody confirmed or discarded for so long is forgotten; its rows name people who were paid nothing by it.
DRAFT_KEPT = timedelta(days=7)
# Drafts swept in one go; the next sweep takes the rest.
_MOST_SWEPT = 500
# Payouts approved or cancelled in one request, so that it ends well before a proxy's patience.
MOST_AT_ONCE = 500
_OVER = "This table was discarded. Nothing was made from it; bring it again if you need it."
_CHANGED = "The table has changed since you looked at it. Nothing was made; please look again."


def batch_read(
    *,
    store: Store,
    content: bytes,
    default_currency: str,
    actor: str,
    name: str = "",
    replaces: PayoutBatch | None = None,
    now: datetime | None = None,
) -> PayoutBatch:
    """Take a table as a draft, which moves nothing. `default_currency` is for rows that name none.

    `replaces` is a draft that this one corrects; it is discarded. Raises Refusal (`invalid-file`) for what is no table,
    and for a store without a wallet; then nothing was changed.
    """
    now = now or timezone.now()
    wallet_of(store)
    table = table_read(content)
    rows = [row if row.currency else replace(row, currency=default_currency) for row in table.rows]
    with transaction.atomic():
        if replaces is not None and replaces.state == BatchState.DRAFT:
            batch_discard(batch=replaces, actor=actor, now=now)
        return PayoutBatch.objects.create(
            store=store,
            name=" ".join(name.split())[:LONGEST_NAME] or "Pasted table",
            content_sha256=rows_sha256(rows),
            rows=[astuple(row) for row in rows],
            ignored_columns=table.ignored_columns,
            created_by=actor,
            created_at=now,
        )


def batch_rows(batch: PayoutBatch) -> list[Row]:
    return [Row(*values) for values in batch.rows]


def batch_seen(batch: PayoutBatch) -> str:
    """A mark of the rows as they are now, to be handed back with the decision about them."""
    return rows_sha256(batch_rows(batch))


def batch_check(*, batch: PayoutBatch, now: datetime | None = None) -> Checked:
    """What the draft's rows come to at this moment. Raises Refusal where the wallet cannot pay."""
    return rows_check(store=batch.store, rows=batch_rows(batch), now=now or timezone.now())


def batch_sent_before(batch: PayoutBatch) -> PayoutBatch | None:
    """The newest batch of the store that was confirmed from a table with the same content."""
    same = PayoutBatch.objects.defer("rows").filter(
        store=batch.store_id, content_sha256=batch.content_sha256, state=BatchState.CONFIRMED
    )
    return same.exclude(pk=batch.pk).order_by("-confirmed_at").first()


def batch_rows_drop(*, batch: PayoutBatch, lines: set[int]) -> int:
    """Leave rows out, by their numbers; returns how many. Raises Refusal once the draft is a draft no more."""
    with transaction.atomic():
        # The lock: two people who drop different rows both have their way.
        held = PayoutBatch.objects.select_for_update().get(pk=batch.pk)
        _must_be_draft(held)
        kept = [values for values in held.rows if values[0] not in lines]
        dropped = len(held.rows) - len(kept)
        PayoutBatch.objects.filter(pk=batch.pk, state=BatchState.DRAFT).update(rows=kept)
        batch.rows = kept
    return dropped


def batch_discard(*, batch: PayoutBatch, actor: str, now: datetime | None = None) -> None:
    """Throw a draft away. Raises Refusal when its payouts were made already."""
    if batch.state == BatchState.DISCARDED:
        return
    _must_be_draft(batch)
    if not transition(batch, BatchState.DISCARDED, at=now or timezone.now(), type="PayoutBatchDiscarded", actor=actor):
        raise Refusal("invalid-state", _CHANGED)


def batches_sweep(*, now: datetime | None = None) -> int:
    """Discard drafts that are older than DRAFT_KEPT, and forget the rows of what was discarded; returns how many drafts.

    Safe beside somebody who confirms one at this moment: both move a draft from where it is, and one of them wins.
    """
    now = now or timezone.now()
    old = PayoutBatch.objects.filter(created_at__lte=now - DRAFT_KEPT)
    swept = 0
    for batch in old.filter(state=BatchState.DRAFT).defer("rows").order_by("created_at")[:_MOST_SWEPT]:
        told = {"reason": f"Nobody confirmed it for {DRAFT_KEPT.days} days."}
        if transition(batch, BatchState.DISCARDED, at=now, type="PayoutBatchDiscarded", evidence=told, rows=[]):
            log.info("an old draft of a payout table was discarded", batch=batch.pk, store=batch.store_id)
            swept += 1
    old.filter(~Q(rows=[]), state=BatchState.DISCARDED).update(rows=[])
    return swept


def batch_confirm(
    *, batch: PayoutBatch, seen: str, actor: str, again: bool = False, now: datetime | None = None
) -> PayoutBatch:
    """Make the payouts of every row, in one transaction. Done before, it does nothing and returns the batch.

    `seen` is `batch_seen` of what the person looked at; `again` says that a table which was sent before is meant to be
    paid another time. Raises Refusal (`changed`, `has-problems`, `sent-before`, `empty`), and then no payout was made.
    """
    now = now or timezone.now()
    if batch.state == BatchState.CONFIRMED:
        return batch
    _must_be_draft(batch)
    if seen != batch_seen(batch):
        raise Refusal("changed", _CHANGED)
    checked = batch_check(batch=batch, now=now)
    if not checked.rows:
        raise Refusal("empty", "There are no rows left to pay. Bring another table.")
    if checked.bad:
        raise Refusal("has-problems", "Some rows have problems. Nothing was made; correct or drop them first.")
    try:
        with transaction.atomic():
            _confirm(batch, checked, again, actor, now)
    except IntegrityError:
        # An invoice was used for something else, or a row paid, between the check and here.
        raise Refusal("changed", _CHANGED) from None
    return batch


def batch_approve(*, batch: PayoutBatch, user: User, now: datetime | None = None) -> tuple[int, int]:
    """One person's approval of what waits for it: how many payouts are on their way now, and how many need a second
    person still. At most MOST_AT_ONCE of them at a time."""
    person = f"user:{user.pk}"
    waiting = _made(batch, [PayoutState.AWAITING_APPROVAL]).exclude(approved_by__person=person)
    sent = waits = 0
    for payout in waiting[:MOST_AT_ONCE]:
        try:
            if payout_approve(payout=payout, actor=str(user), user=user, now=now):
                sent += 1
            else:
                waits += 1
        except Refusal:
            continue  # somebody else approved or cancelled it in this moment
    return sent, waits


def batch_cancel(*, batch: PayoutBatch, reason: str, actor: str, now: datetime | None = None) -> int:
    """Cancel what was not sent yet; returns how many. What is in flight goes to its end. At most MOST_AT_ONCE at a time."""
    cancelled = 0
    for payout in _made(batch, UNSENT_PAYOUT_STATES)[:MOST_AT_ONCE]:
        try:
            payout_cancel(payout=payout, reason=reason, actor=actor, now=now)
        except Refusal:
            continue  # its sending began in this moment
        cancelled += 1
    return cancelled


def _confirm(batch: PayoutBatch, checked: Checked, again: bool, actor: str, now: datetime) -> None:
    # Two drafts of the same table that are confirmed at once are so one after the other.
    Store.objects.select_for_update().get(pk=batch.store_id)
    before = batch_sent_before(batch)
    if before is not None and not again:
        raise Refusal("sent-before", "This table was sent before. Nothing was made; confirm that you mean it.")
    told = {"payouts": len(checked.rows), "amount_msat": checked.amount_msat, "again": before.pk if before else ""}
    moved = transition(
        batch,
        BatchState.CONFIRMED,
        at=now,
        type="PayoutBatchConfirmed",
        actor=actor,
        evidence=told,
        confirmed_by=actor,
        confirmed_at=now,
    )
    if not moved:
        batch.refresh_from_db()
        _must_not_be_discarded(batch)
        return
    # The rows may have been changed by somebody else since they were read; from here on nobody changes them.
    if PayoutBatch.objects.values_list("rows", flat=True).get(pk=batch.pk) != [list(row) for row in batch.rows]:
        batch.state = BatchState.DRAFT
        raise Refusal("changed", _CHANGED)
    payouts = payouts_write(
        store=batch.store, planned=[_plan(batch, each) for each in checked.rows], actor=actor, now=now
    )
    BatchPayout.objects.bulk_create(
        BatchPayout(payout=payout, batch=batch, line=each.row.line, reference=each.row.reference, note=each.row.note)
        for payout, each in zip(payouts, checked.rows, strict=True)
    )


def _plan(batch: PayoutBatch, checked: CheckedRow) -> Planned:
    if checked.target is None or checked.claim is None or checked.currency is None:
        raise ValueError("a row without problems names what is paid to whom")
    return Planned(
        target=checked.target,
        claim=checked.claim,
        currency=checked.currency,
        approvals_needed=checked.approvals_needed,
        key=hashlib.sha256(f"batch:{batch.pk}:{checked.row.line}".encode()).hexdigest(),
    )


def _made(batch: PayoutBatch, states: list[PayoutState]) -> QuerySet[Payout]:
    return Payout.objects.filter(in_batch__batch=batch, state__in=states).order_by("in_batch__line")


def _must_be_draft(batch: PayoutBatch) -> None:
    _must_not_be_discarded(batch)
    if batch.state != BatchState.DRAFT:
        raise Refusal("invalid-state", "The payouts of this table are made already. Nothing was changed.")


def _must_not_be_discarded(batch: PayoutBatch) -> None:
    if batch.state == BatchState.DISCARDED:
        raise Refusal("invalid-state", _OVER)
