"""Making batches of vouchers, and revoking those that nobody has claimed."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import Currency
from flashpay.money.rates import DOWN, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Event, Store
from flashpay.stores.rates import rate_get
from payouts.models import PullPayment
from payouts.selectors import sending_wallet_of
from payouts.services.policies import approval_limits
from payouts.vouchers.models import Voucher, VoucherBatch

# A thousand fill 125 sheets; more are made in another batch.
MOST_VOUCHERS = 1_000
LONGEST_NAME = 36
LONGEST_NOTE = 160
_PREFIX = re.compile(r"[A-Z0-9]{0,8}")


def voucher_batch_create(
    *,
    store: Store,
    count: int,
    amount: int,
    currency: Currency,
    actor: str,
    name: str,
    prefix: str = "",
    note: str = "",
    expires_at: datetime | None = None,
    auto_approve: bool = True,
    now: datetime | None = None,
) -> VoucherBatch:
    """Make `count` vouchers over `amount` minor units each, all or none.

    Raises Refusal for what nobody could claim (the wallet's minimum, an end in the past) or print, and NoFreshRate where
    a fiat amount cannot be held against the minimum.
    """
    now = now or timezone.now()
    name, prefix, note = name.strip(), prefix.strip().upper(), note.strip()
    _check(count=count, amount=amount, name=name, prefix=prefix, note=note, expires_at=expires_at, now=now)
    _check_wallet(store, amount, currency)
    limits = approval_limits(store, currency)
    with transaction.atomic():
        batch = VoucherBatch.objects.create(
            store=store,
            name=name,
            prefix=prefix,
            note=note,
            currency=currency.code,
            amount=amount,
            count=count,
            auto_approve=auto_approve,
            expires_at=expires_at,
            created_by=actor,
            created_at=now,
        )
        vouchers = [Voucher(batch=batch, number=number) for number in range(1, count + 1)]
        for voucher in vouchers:
            voucher.pull_payment = _pull_payment(voucher, limits, actor, now)
        PullPayment.objects.bulk_create([voucher.pull_payment for voucher in vouchers])
        Voucher.objects.bulk_create(vouchers)
        Event.objects.bulk_create(
            Event(
                store=store,
                entity="pullpayment",
                entity_id=voucher.pull_payment_id,
                type="PullPaymentCreated",
                actor=actor,
                evidence={"voucher": voucher.label, "batch": batch.pk},
                at=now,
            )
            for voucher in vouchers
        )
        event_record(row=batch, type="VoucherBatchCreated", actor=actor, at=now, evidence={"count": count})
    return batch


def voucher_revoke(*, voucher: Voucher, actor: str, now: datetime | None = None) -> None:
    """End a voucher that nobody has claimed. Raises Refusal once somebody has, and then nothing changes."""
    now = now or timezone.now()
    if _revoke(voucher, actor, now):
        return
    voucher.pull_payment.refresh_from_db()
    if voucher.pull_payment.archived_at is None:
        raise Refusal("claimed", f"{voucher.label} has just been claimed and cannot be revoked. Nothing was changed.")


def voucher_batch_revoke(*, batch: VoucherBatch, actor: str, now: datetime | None = None) -> int:
    """End every voucher of the batch that nobody has claimed, and say how many that were."""
    now = now or timezone.now()
    open_vouchers = batch.vouchers.filter(pull_payment__archived_at=None, pull_payment__claimed=0)
    with transaction.atomic():
        revoked = sum(_revoke(voucher, actor, now) for voucher in open_vouchers.select_related("pull_payment", "batch"))
        if revoked:
            event_record(row=batch, type="VoucherBatchRevoked", actor=actor, at=now, evidence={"count": revoked})
    return revoked


def _revoke(voucher: Voucher, actor: str, now: datetime) -> bool:
    # One conditional update: a claim that takes the amount at this very moment wins or loses, never both.
    with transaction.atomic():
        ended = PullPayment.objects.filter(pk=voucher.pull_payment_id, archived_at=None, claimed=0)
        if not ended.update(archived_at=now):
            return False
        event_record(row=voucher.pull_payment, type="PullPaymentArchived", actor=actor, at=now)
    return True


def _pull_payment(voucher: Voucher, limits: dict[str, int | None], actor: str, now: datetime) -> PullPayment:
    batch = voucher.batch
    return PullPayment(
        store_id=batch.store_id,
        # What a wallet shows (50 characters at most): whose it is, and which one.
        name=f"{batch.name} · {voucher.label}",
        description=batch.note,
        currency=batch.currency,
        amount=batch.amount,
        # Claimed once and whole: no smaller claim is taken, and after it nothing is left.
        minimum_claim=batch.amount,
        auto_approve=batch.auto_approve,
        **limits,
        starts_at=now,
        expires_at=batch.expires_at,
        created_by=actor,
        created_at=now,
    )


def _check(
    *, count: int, amount: int, name: str, prefix: str, note: str, expires_at: datetime | None, now: datetime
) -> None:
    if not 1 <= count <= MOST_VOUCHERS:
        raise Refusal("invalid-count", f"A batch has 1 to {MOST_VOUCHERS:,} vouchers.", field="count")
    if amount <= 0:
        raise Refusal("invalid-amount", "A voucher needs an amount above zero.", field="amount")
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Refusal("invalid-name", f"The name needs 1 to {LONGEST_NAME} characters.", field="name")
    if not _PREFIX.fullmatch(prefix):
        raise Refusal("invalid-prefix", "The prefix may have 8 letters (A to Z) and digits.", field="prefix")
    if len(note) > LONGEST_NOTE:
        raise Refusal("invalid-note", f"The note may have {LONGEST_NOTE} characters.", field="note")
    if expires_at is not None and expires_at <= now:
        raise Refusal("invalid-dates", "They would expire before anybody could claim them.", field="expires_at")


def _check_wallet(store: Store, amount: int, currency: Currency) -> None:
    connection = sending_wallet_of(store)
    amount_msat = amount * MSAT_PER_SAT if currency.is_bitcoin else msat_from_minor(amount, rate_get(currency), DOWN)
    minimum_msat = connection.minimum_sat * MSAT_PER_SAT
    if amount_msat < minimum_msat:
        raise Refusal(
            "amount-too-low",
            f"Nobody could claim such a voucher: Flash's Lightning network takes {msat_format(minimum_msat)} at least.",
            field="amount",
        )
