"""Who belongs to a store, and as what. Every change is on record; a store is never without an owner."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Membership, Role, Store, User

LAST_OWNER = "This is the store's last owner. Make somebody else an owner first."


def members_of(store: Store) -> QuerySet[Membership]:
    """The store's people, those who came first at the top."""
    return Membership.objects.select_related("user").filter(store=store).order_by("created_at", "pk")


def member_add(*, store: Store, email: str, role: str, actor: str, now: datetime | None = None) -> Membership:
    """Give a person a place in the store. For an address that nobody has here yet, an account without a password is made.

    Raises Refusal for an unusable address or role, and for somebody who is in the store already; then nothing is changed.
    """
    now = now or timezone.now()
    address, role = _email(email), _role(role)
    with transaction.atomic():
        _lock(store)
        user = User.objects.filter(email__iexact=address).first() or User.objects.create_user(address)
        if Membership.objects.filter(store=store, user=user).exists():
            raise Refusal(
                "member-already", "This person is in the store already. Change their role in the list.", field="email"
            )
        member = Membership.objects.create(store=store, user=user, role=role, created_at=now)
        event_record(row=member, type="MemberAdded", after=role, actor=actor, at=now, evidence={"user": user.email})
    return member


def member_role_change(*, member: Membership, role: str, actor: str, now: datetime | None = None) -> None:
    """Give a member another role. Raises Refusal for an unknown role, and where nobody would own the store any more."""
    now = now or timezone.now()
    role = _role(role)
    with transaction.atomic():
        before = _now_in(member)
        if before == role:
            return
        if before == Role.OWNER:
            _check_not_last_owner(member)
        Membership.objects.filter(pk=member.pk).update(role=role)
        evidence = {"user": member.user.email}
        kind = "MemberRoleChanged"
        event_record(row=member, type=kind, before=before, after=role, actor=actor, at=now, evidence=evidence)
    member.role = role


def member_remove(*, member: Membership, actor: str, now: datetime | None = None) -> None:
    """End a person's place in the store, at once. Their account and what they did here stay on record.

    Raises Refusal where nobody would own the store any more.
    """
    now = now or timezone.now()
    with transaction.atomic():
        before = _now_in(member)
        if before == Role.OWNER:
            _check_not_last_owner(member)
        evidence = {"user": member.user.email}
        event_record(row=member, type="MemberRemoved", before=before, actor=actor, at=now, evidence=evidence)
        Membership.objects.filter(pk=member.pk).delete()


def _lock(store: Store) -> None:
    """Changes of one store's people happen one after the other: two owners could otherwise remove each other."""
    Store.objects.select_for_update().get(pk=store.pk)


def _now_in(member: Membership) -> str:
    _lock(member.store)
    role = Membership.objects.filter(pk=member.pk).values_list("role", flat=True).first()
    if role is None:
        raise Refusal("member-gone", "This person is not in the store any more.")
    return role


def _check_not_last_owner(member: Membership) -> None:
    others = Membership.objects.filter(store=member.store, role=Role.OWNER, user__is_active=True).exclude(pk=member.pk)
    # Somebody who has been invited and never logged in could not give the store back.
    if not any(other.user.has_usable_password() for other in others.select_related("user")):
        raise Refusal("last-owner", LAST_OWNER, field="role")


def _role(text: str) -> str:
    if text not in Role.values:
        raise Refusal("invalid-role", "There is no such role.", field="role")
    return text


def _email(text: str) -> str:
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise Refusal("invalid-email", "That is not an e-mail address.", field="email") from error
    if len(address) > 254:
        raise Refusal("invalid-email", "That is too long to be an e-mail address.", field="email")
    return address
