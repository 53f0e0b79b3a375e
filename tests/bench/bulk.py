"""A shop with years of business behind it, made in bounded time: rows that PostgreSQL itself generates.

Every column that is not named to vary has the value that a model instance has, so a new column needs no care here. The
rows satisfy every constraint, because they go through none of the ways around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection, models
from django.utils import timezone

from flashpay.invoices.models import Invoice, LightningInvoice, Payment
from flashpay.stores.models import PaymentHash, Store, WalletConnection
from payouts.models import DestinationKind, Payout, PayoutAttempt, PullPayment

YEARS = 2
_SPAN_S = YEARS * 365 * 24 * 3600


def _id(what: str, number: str = "n") -> str:
    """An id as `ids.id_new` makes them, of base 58: hexadecimal digits but for the 0, and below 128 bits by its first."""
    return f"'1' || translate(substr(md5('{what}' || ({number})), 1, 21), '0', 'z')"


_HASH = "md5('{0}' || n) || md5(n || '{0}')"
# What `lightning.invoice_make` would take a minute for; nobody reads these, and they are as long as real ones.
_BOLT11 = "'lnbcrt10u1' || repeat(md5(n || 'code'), 8)"
_WORDS = [
    "coffee",
    "cappuccino",
    "croissant",
    "sandwich",
    "breakfast",
    "lunch",
    "dinner",
    "table",
    "terrace",
    "delivery",
    "pickup",
    "cake",
    "bread",
    "beans",
    "roast",
    "grinder",
    "filter",
    "mug",
    "gift",
    "voucher",
    "subscription",
    "repair",
    "bicycle",
    "tyre",
    "chain",
    "haircut",
    "lesson",
    "ticket",
    "concert",
    "room",
    "night",
    "deposit",
    "balance",
]
# One in a thousand; looked for where a filter finds little.
RARE_WORD = "zanzibar"


def rows_generate(template: models.Model, count: int, varying: Mapping[str, str]) -> None:
    """Insert `count` copies of `template`; `varying` gives columns (by attribute name) an SQL expression of `n`, from 1 on."""
    names, expressions, values = [], [], []
    for field in template._meta.concrete_fields:
        if field.attname in varying:
            expression = varying[field.attname].replace("%", "%%")
        elif isinstance(field, models.AutoField):
            continue
        else:
            expression = f"%s::{field.db_type(connection)}"
            values.append(field.get_db_prep_save(getattr(template, field.attname), connection))
        names.append(connection.ops.quote_name(field.column))
        expressions.append(expression)
    table = connection.ops.quote_name(template._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(expressions)} FROM generate_series(1, {count}::bigint) n",
            values,
        )


def housekeeping() -> None:
    """What PostgreSQL would have done by itself by the time a shop is so old."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def invoices_generate(store: Store, wallet: WalletConnection, count: int) -> None:
    """`count` invoices over YEARS, oldest first: seven in ten paid, each paid one with its code and its payment.

    Their order numbers are `A-1` to `A-<count>`.
    """
    now = timezone.now()
    step_s = _SPAN_S / count
    created = f"to_timestamp({(now - timedelta(seconds=_SPAN_S)).timestamp()} + n * {step_s})"
    # n % 100 decides what became of it: 70 paid, 25 expired, 4 marked invalid, 1 still open.
    state = "CASE WHEN n % 100 < 70 THEN 'Settled' WHEN n % 100 < 95 THEN 'Expired' WHEN n % 100 < 99 THEN 'Invalid' ELSE 'New' END"
    words = "(ARRAY[" + ", ".join(f"'{word}'" for word in _WORDS) + "])"
    text = " || ' ' || ".join(
        f"{words}[(1 + n / {shift} * {factor} % {len(_WORDS)})::int]" for shift, factor in ((1, 7), (3, 11), (7, 13))
    )
    cents = "1 + (n * 7919 % 20000)"
    rows_generate(
        Invoice(
            store=store,
            currency="USD",
            rate=60_000,
            rate_source="bench",
            rate_at=now,
            description="",
            created_by="bench",
            expires_at=now,
            monitoring_ends_at=now,
        ),
        count,
        {
            "id": _id(f"{store.pk} invoice"),
            "amount": cents,
            "amount_msat": f"({cents}) * 16667000 / 1000",
            "received_msat": f"CASE WHEN n % 100 < 70 THEN ({cents}) * 16667000 / 1000 ELSE 0 END",
            "credited_msat": f"CASE WHEN n % 100 < 70 THEN ({cents}) * 16667000 / 1000 ELSE 0 END",
            "state": state,
            "additional_state": "CASE WHEN n % 500 = 3 THEN 'PaidLate' WHEN n % 100 IN (95, 96, 97, 98) THEN 'Marked' ELSE 'None' END",
            "order_id": "'A-' || n",
            "description": f"{text} || CASE WHEN n % 1000 = 7 THEN ' {RARE_WORD}' ELSE '' END",
            "created_at": created,
            "expires_at": f"{created} + interval '15 minutes'",
            "monitoring_ends_at": f"{created} + interval '1 day'",
            "settled_at": f"CASE WHEN n % 100 < 70 THEN {created} + interval '20 seconds' END",
        },
    )
    paid = count * 7 // 10
    # The n-th paid invoice, counted over the seventy paid ones of every hundred.
    number = "((n - 1) / 70 * 100 + (n - 1) % 70 + CASE WHEN (n - 1) % 70 = 0 THEN 100 ELSE 0 END)"
    _codes_generate(store, wallet, now, count, paid, number, step_s)


def _codes_generate(
    store: Store, wallet: WalletConnection, now: datetime, count: int, paid: int, number: str, step_s: float
) -> None:
    created = f"to_timestamp({(now - timedelta(seconds=_SPAN_S)).timestamp()} + {number} * {step_s})"
    invoice = _id(f"{store.pk} invoice", number)
    code = LightningInvoice(
        store=store,
        connection=wallet,
        amount_msat=1,
        credit_msat=1,
        asked_cents=1,
        state="paid",
        expires_at=now,
        poll_until=now,
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM invoices_lightninginvoice")
        before = cursor.fetchone()[0]
    rows_generate(
        code,
        paid,
        {
            "id": f"{before} + n",
            "invoice_id": invoice,
            "bolt11": _BOLT11,
            "payment_hash": _HASH.format(f"{store.pk} code"),
            "created_at": created,
            "expires_at": f"{created} + interval '1 minute'",
            "poll_until": f"{created} + interval '1 day'",
        },
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('invoices_lightninginvoice', 'id'), %s)", [before + paid])
    rows_generate(
        Payment(store=store, amount_msat=1_666_700, credited_msat=1_666_700, evidence="push", settled_at=now),
        paid,
        {
            "invoice_id": invoice,
            "lightning_invoice_id": f"{before} + n",
            "settled_at": f"{created} + interval '20 seconds'",
        },
    )
    rows_generate(
        PaymentHash(owner="invoice"),
        paid,
        {"payment_hash": _HASH.format(f"{store.pk} code"), "owner_id": invoice, "at": created},
    )


def payouts_generate(store: Store, wallet: WalletConnection, count: int) -> None:
    """`count` payouts over YEARS, each of a pull payment of its own hundred: nearly all done, with the attempt that did it."""
    now = timezone.now()
    created = f"to_timestamp({(now - timedelta(seconds=_SPAN_S)).timestamp()} + n * {_SPAN_S / count})"
    groups = max(count // 100, 1)
    pull = f"{store.pk} pull"
    state = (
        "CASE WHEN n % 1000 < 950 THEN 'Completed' WHEN n % 1000 < 990 THEN 'Cancelled' "
        "WHEN n % 1000 < 998 THEN 'AwaitingApproval' ELSE 'InProgress' END"
    )
    rows_generate(
        PullPayment(
            store=store, currency="SAT", amount=10_000_000, claimed=1_000_000, claims=100, name="", created_by="bench"
        ),
        groups,
        {
            "id": _id(pull),
            "lnurl_token": f"md5('{store.pk} token' || n)",
            "name": "'Prize ' || n",
            "created_at": f"to_timestamp({(now - timedelta(seconds=_SPAN_S)).timestamp()} + n * {_SPAN_S / groups})",
        },
    )
    rows_generate(
        Payout(
            store=store,
            destination_kind=DestinationKind.BOLT11,
            currency="SAT",
            amount=10_000,
            amount_msat=10_000_000,
            approvals_needed=0,
        ),
        count,
        {
            "id": _id(f"{store.pk} payout"),
            "pull_payment_id": _id(pull, "1 + (n - 1) / 100"),
            "destination": _BOLT11,
            "state": state,
            "needs_review": "n % 1000 = 999",
            "created_at": created,
            # Nothing of this is due: the workers of a measurement have better things to do.
            "due_at": "now() + interval '1 year'",
            "completed_at": f"CASE WHEN n % 1000 < 950 THEN {created} + interval '5 seconds' END",
        },
    )
    ended = "CASE WHEN n % 1000 < 950 THEN {0} + interval '5 seconds' END"
    rows_generate(
        PayoutAttempt(store=store, number=1, connection=wallet, wallet_id=wallet.wallet_id, amount_msat=10_000_000),
        count,
        {
            "payout_id": _id(f"{store.pk} payout"),
            "bolt11": _BOLT11,
            "payment_hash": _HASH.format(f"{store.pk} attempt"),
            "idempotency_key": _id(f"{store.pk} payout") + " || '-1'",
            "state": "CASE WHEN n % 1000 < 950 THEN 'succeeded' WHEN n % 1000 < 998 THEN 'failed' ELSE 'unknown' END",
            "prepared_at": created,
            "sent_at": created,
            "ended_at": ended.format(created),
            "preimage": _HASH.format(f"{store.pk} preimage"),
        },
    )
    rows_generate(
        PaymentHash(owner="payout"),
        count,
        {"payment_hash": _HASH.format(f"{store.pk} attempt"), "owner_id": _id(f"{store.pk} payout"), "at": created},
    )
