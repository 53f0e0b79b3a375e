"""Everything that changes a till, and the sales that are made at it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from flashpay.invoices.keypad import Keyed
from flashpay.invoices.models import Invoice, Source
from flashpay.invoices.services import invoice_create, pay_link_archive, pay_link_change, pay_link_create
from flashpay.money.currencies import SAT, Currency
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.selectors import wallet_active
from flashpay.till.models import Till

NAME_LENGTH = 50
NOTE_LENGTH = 200


def till_save(
    *,
    store: Store,
    name: str,
    currency: Currency,
    actor: str,
    till: Till | None = None,
    title: str = "",
    more_currencies: Iterable[str] = (),
    tip_percents: Iterable[int] = (),
    custom_tip: bool = False,
    now: datetime | None = None,
) -> Till:
    """Make a till, or change `till`. `title` is what customers see; empty for the store's name.

    Raises Refusal and UnknownCurrency for unusable input; then nothing is changed.
    """
    now = now or timezone.now()
    name = _name(store, name, till)
    offered: dict[str, Any] = {
        "title": title.strip() or store.name,
        "currency": SAT if currency.code == "BTC" else currency,
        "more_currencies": more_currencies,
        "tip_percents": tip_percents,
        "custom_tip": custom_tip,
    }
    try:
        with transaction.atomic():
            if till is None:
                link = pay_link_create(store=store, actor=actor, archived=True, now=now, **offered)
                till = Till.objects.create(store=store, name=name, link=link, created_by=actor, created_at=now)
                event_record(row=till, type="TillCreated", actor=actor, at=now, evidence={"name": name})
                return till
            pay_link_change(link=till.link, actor=actor, now=now, **offered)
            if name != till.name:
                Till.objects.filter(pk=till.pk).update(name=name)
                event_record(row=till, type="TillRenamed", actor=actor, at=now, evidence={"name": [till.name, name]})
                till.name = name
    except IntegrityError as error:  # somebody took the name in this very moment
        raise _taken() from error
    return till


def till_archive(*, till: Till, actor: str, archived: bool = True, now: datetime | None = None) -> None:
    """Close a till, and with it its share link, or open it again. Its sales stay, and what is being paid goes to its end."""
    now = now or timezone.now()
    with transaction.atomic():
        if not Till.objects.filter(pk=till.pk, archived=not archived).update(archived=archived):
            return
        if archived:
            pay_link_archive(link=till.link, actor=actor, now=now)
        kind = "TillArchived" if archived else "TillUnarchived"
        event_record(row=till, type=kind, actor=actor, at=now)
    till.archived = archived


def till_share(*, till: Till, shared: bool, actor: str, now: datetime | None = None) -> None:
    """Let customers pay by the till's public link, or close it. Raises Refusal for an archived till."""
    if shared and not till.is_open:
        raise Refusal("till-closed", "This till is archived. Open it again before you share it.")
    pay_link_archive(link=till.link, archived=not shared, actor=actor, now=now)


def sale_create(*, till: Till, keyed: Keyed, cashier: str, note: str = "", now: datetime | None = None) -> Invoice:
    """An invoice over what was keyed in, tip included; `note` becomes its order id.

    Raises Refusal where the till is closed or no wallet could take the money, and NoFreshRate; then there is no invoice.
    """
    if not till.is_open:
        raise Refusal("till-closed", _("This till is closed. Nothing was charged."))
    note = note.strip()
    if len(note) > NOTE_LENGTH:
        raise Refusal("invalid-note", _("A note has up to %(most)s characters.") % {"most": NOTE_LENGTH}, field="note")
    # A customer at the counter should not wait for a code that cannot come.
    if wallet_active(till.store) is None:
        raise Refusal(
            "wallet-not-connected",
            _("The store's wallet is not connected, so nothing was charged. The owner connects it under Wallet."),
        )
    return invoice_create(
        store=till.store,
        amount=keyed.total,
        currency=keyed.currency,
        actor=cashier,
        description=till.link.title,
        order_id=note,
        metadata={"till": till.pk, "tillName": till.name, "posData": keyed.pos_data() | {"cashier": cashier}},
        source=Source.TILL,
        source_id=till.pk,
        now=now,
    )


def _name(store: Store, text: str, till: Till | None) -> str:
    name = text.strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        raise Refusal("invalid-name", f"A till needs a name of 1 to {NAME_LENGTH} characters.", field="name")
    if Till.objects.filter(store=store, name=name).exclude(pk=till.pk if till else None).exists():
        raise _taken()
    return name


def _taken() -> Refusal:
    return Refusal("name-taken", "The store has a till of this name already.", field="name")
