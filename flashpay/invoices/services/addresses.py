"""Lightning Addresses of a store: made, changed, given up. The name is the deployment's: who has it first has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from flashpay.invoices.models import LightningAddress
from flashpay.invoices.offers import LARGEST_SAT, SMALLEST_SAT
from flashpay.invoices.services.invoices import metadata_check
from flashpay.money.currencies import SUPPLY_SAT, currency_get
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from lnurl.wire.messages import MAX_COMMENT

# LUD-16, without +: what follows it is the payer's own tag (S-16.1). `_` is the domain's own address (S-16.5).
_NAME = re.compile(r"[a-z0-9_-](?:[a-z0-9._-]*[a-z0-9_-])?")
NAME_LENGTH = 64


def address_name_read(text: str) -> str:
    """A name as it is kept and compared: lower-case, without the tag that a payer may add. Raises Refusal."""
    name = text.strip().lower().partition("+")[0]
    if len(name) > NAME_LENGTH or not _NAME.fullmatch(name):
        raise Refusal(
            "invalid-name",
            f"A name has at most {NAME_LENGTH} of the characters a to z, 0 to 9, - _ and . (a dot not at its ends).",
            field="username",
        )
    return name


def lightning_address_save(
    *,
    store: Store,
    name: str,
    actor: str,
    minimum_sat: int = SMALLEST_SAT,
    maximum_sat: int = LARGEST_SAT,
    currency: str = "",
    comment_length: int = 0,
    description: str = "",
    invoice_metadata: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> LightningAddress:
    """Make the store's address `name`, or change it where the store has it already.

    Raises Refusal (`address-taken` when it is another store's), or UnknownCurrency; then nothing is changed.
    """
    now = now or timezone.now()
    name = address_name_read(name)
    wanted = {
        "minimum_sat": minimum_sat,
        "maximum_sat": maximum_sat,
        "currency": currency_get(currency).code if currency else "",
        "comment_length": comment_length,
        "description": description.strip(),
        "invoice_metadata": dict(invoice_metadata or {}),
    }
    _check(wanted)
    try:
        with transaction.atomic():
            address, made = LightningAddress.objects.get_or_create(
                name=name, defaults={"store": store, "created_at": now, **wanted}
            )
            if address.store_id != store.pk:
                raise _taken(name)
            if not made:
                LightningAddress.objects.filter(pk=address.pk).update(**wanted)
            event_record(
                row=address,
                type="LightningAddressCreated" if made else "LightningAddressUpdated",
                actor=actor,
                at=now,
                evidence={"name": name, **wanted},
            )
    except IntegrityError as error:  # somebody took it in this very moment
        raise _taken(name) from error
    address.refresh_from_db()
    return address


def lightning_address_archive(
    *, address: LightningAddress, actor: str, archived: bool = True, now: datetime | None = None
) -> None:
    """Let an address take no payments, or take them again. It keeps its name either way."""
    now = now or timezone.now()
    with transaction.atomic():
        if not LightningAddress.objects.filter(pk=address.pk, archived=not archived).update(archived=archived):
            return
        kind = "LightningAddressArchived" if archived else "LightningAddressUnarchived"
        event_record(row=address, type=kind, actor=actor, at=now, evidence={"name": address.name})
    address.archived = archived


def lightning_address_delete(*, address: LightningAddress, actor: str, now: datetime | None = None) -> None:
    """Give an address up; the name is free again. What it received stays, as every invoice does."""
    now = now or timezone.now()
    with transaction.atomic():
        event_record(row=address, type="LightningAddressDeleted", actor=actor, at=now, evidence={"name": address.name})
        LightningAddress.objects.filter(pk=address.pk).delete()


def _check(wanted: Mapping[str, Any]) -> None:
    least, most = wanted["minimum_sat"], wanted["maximum_sat"]
    if not SMALLEST_SAT <= least < SUPPLY_SAT:
        raise Refusal("invalid-minimum", f"The smallest payment is {SMALLEST_SAT} sat or more.", field="min")
    if most >= SUPPLY_SAT:
        raise Refusal("invalid-maximum", "There are not that many sats in the world.", field="max")
    if most < least:
        raise Refusal("invalid-maximum", "The largest payment cannot be below the smallest.", field="max")
    if not 0 <= wanted["comment_length"] <= MAX_COMMENT:
        raise Refusal("invalid-comment", f"A comment has at most {MAX_COMMENT} characters.", field="commentLength")
    if len(wanted["description"]) > 200:
        raise Refusal("invalid-description", "The description has at most 200 characters.", field="description")
    metadata_check(wanted["invoice_metadata"], field="invoiceMetadata")


def _taken(name: str) -> Refusal:
    return Refusal(
        "address-taken", f"The name {name} is taken on this server. Please choose another one.", field="username"
    )
