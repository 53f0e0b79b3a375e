"""The one way to change a state: a conditional update and its event row, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import models, transaction

from flashpay import live
from flashpay.stores.models import Event, Store

_EVENTS_AT_ONCE = 500


# Rooms above that tell the world of events: what they write stands and falls with the event (`tell_in_transaction`).
_TELLERS: list[Callable[[Event], None]] = []


class ForbiddenTransition(RuntimeError):
    """The code asked for a step that the transition table does not have. A fault of the program, never of a person."""


def tell_in_transaction(teller: Callable[[Event], None]) -> None:
    """Call `teller` with every event that is recorded, inside its transaction. For outboxes: rows only, no network.

    Registered once, when the teller's app starts.
    """
    if teller not in _TELLERS:
        _TELLERS.append(teller)


def event_record(
    *,
    row: models.Model,
    type: str,
    at: datetime,
    before: str = "",
    after: str = "",
    actor: str = "system",
    evidence: Mapping[str, Any] | None = None,
    also: Iterable[str] = (),
) -> Event:
    """Write one event about `row` and, once committed, tell the pages that look at it.

    `also` names further live channels ("pullpayment:<id>") beside the row's own and its store's.
    """
    entity = row._meta.model_name or ""
    store_id = row.pk if isinstance(row, Store) else getattr(row, "store_id", None)
    event = Event.objects.create(
        store_id=store_id,
        entity=entity,
        entity_id=str(row.pk),
        type=type,
        before=before,
        after=after,
        actor=actor,
        evidence=dict(evidence or {}),
        at=at,
    )
    for teller in _TELLERS:
        teller(event)
    channels = [f"{entity}:{row.pk}", *([f"store:{store_id}"] if store_id else [])]
    message = {"entity": entity, "id": str(row.pk), "type": type, "state": after}
    transaction.on_commit(lambda: live.publish(channels, message))
    others = list(also)
    if others:
        # Whoever listens there knows another secret, not this row's.
        transaction.on_commit(lambda: live.publish(others, {**message, "id": ""}))
    return event


def events_record(*, rows: Iterable[Any], type: str, at: datetime, actor: str = "system") -> None:
    """Write the same event about each of many new rows of one store, which each begin in a state of their own.

    Once committed the store's pages are told, once for all of them.
    """
    events = [
        Event(
            store_id=row.store_id,
            entity=row._meta.model_name,
            entity_id=str(row.pk),
            type=type,
            after=row.state,
            actor=actor,
            at=at,
        )
        for row in rows
    ]
    if not events:
        return
    for event in Event.objects.bulk_create(events, batch_size=_EVENTS_AT_ONCE):
        for teller in _TELLERS:
            teller(event)
    store_id, entity = events[0].store_id, events[0].entity
    message = {"entity": entity, "id": "", "type": type, "state": ""}
    transaction.on_commit(lambda: live.publish([f"store:{store_id}"], message))


def transition(
    row: Any,
    to: str,
    *,
    at: datetime,
    type: str,
    actor: str = "system",
    evidence: Mapping[str, Any] | None = None,
    also: Iterable[str] = (),
    **changes: Any,
) -> bool:
    """Move `row` from the state it was read in to `to`; False when somebody else moved it first, and then nothing happened.

    The model's `TRANSITIONS` table says which steps exist. Raises ForbiddenTransition for one that does not.
    """
    before = str(row.state)
    if to not in row.TRANSITIONS.get(before, ()):
        raise ForbiddenTransition(f"{row._meta.model_name} {row.pk}: {before} → {to}")
    with transaction.atomic():
        moved = row._meta.default_manager.filter(pk=row.pk, state=before).update(state=to, **changes)
        if moved != 1:
            return False
        for name, value in {"state": to, **changes}.items():
            setattr(row, name, value)
        event_record(row=row, type=type, at=at, before=before, after=to, actor=actor, evidence=evidence, also=also)
    return True
