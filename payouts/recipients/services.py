"""Inviting a recipient to register an address, taking it from their wallet (LUD-23), and paying there."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from flashpay.ids import token_new
from flashpay.money.currencies import Currency
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.rates import rates_held
from lnurl.wire.codec import lnurl_encode
from payouts.models import DestinationKind, Payout
from payouts.recipients.models import Recipient, RecipientPayout
from payouts.selectors import lnurl_address
from payouts.services import payout_create
from payouts.services.targets import target_read

INVITATION_LIFE = timedelta(days=7)
LONGEST_NAME = 60
_K1_SALT = "payouts.recipients.k1"
_UNKNOWN = "This invitation is not known here. Please ask for a new one."
_OVER = "This invitation was used already or is over. Nothing was changed; please ask for a new one."


def recipient_create(*, store: Store, name: str, actor: str, now: datetime | None = None) -> Recipient:
    """Write a recipient down, with an open invitation. Raises Refusal for a name that is none."""
    now = now or timezone.now()
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Refusal("invalid-name", f"The name needs 1 to {LONGEST_NAME} characters.", field="name")
    with transaction.atomic():
        recipient = Recipient.objects.create(store=store, name=name, created_by=actor, created_at=now)
        event_record(row=recipient, type="RecipientCreated", actor=actor, at=now)
        recipient_invite(recipient=recipient, actor=actor, now=now)
    return recipient


def recipient_invite(*, recipient: Recipient, actor: str, now: datetime | None = None) -> None:
    """Open a new invitation; the one before, if it was not used, is worth nothing any more."""
    now = now or timezone.now()
    with transaction.atomic():
        recipient.token, recipient.invited_until = token_new(), now + INVITATION_LIFE
        recipient.save(update_fields=["token", "invited_until"])
        event_record(row=recipient, type="RecipientInvited", actor=actor, at=now)


def recipient_archive(*, recipient: Recipient, actor: str, now: datetime | None = None) -> None:
    """Pay them no more: the invitation ends, and the record stays for the payouts that were made."""
    now = now or timezone.now()
    with transaction.atomic():
        if Recipient.objects.filter(pk=recipient.pk, archived_at=None).update(archived_at=now, token=""):
            event_record(row=recipient, type="RecipientArchived", actor=actor, at=now)


def invitation_lnurl(recipient: Recipient) -> str:
    """The invitation for a QR code: `tag` and `k1` stand in the address as LUD-23 has it. Empty when none is open."""
    if not recipient.token:
        return ""
    url = lnurl_address("lnurl:address_request", recipient.token)
    return lnurl_encode(f"{url}?tag=addressRequest&k1={k1_of(recipient.token)}")


def k1_of(token: str) -> str:
    """The invitation's k1: 32 bytes in hex, derived, so that asking stores nothing."""
    return salted_hmac(_K1_SALT, token, algorithm="sha256").hexdigest()


def invitation_find(token: str, now: datetime) -> Recipient:
    """Whose open invitation this is. Raises Refusal for an unknown, used or old one."""
    token = token.lower()
    found = Recipient.objects.select_related("store").filter(Q(token=token) | Q(used_token=token)).first()
    if found is None:
        raise Refusal("not-found", _UNKNOWN)
    if found.token != token or found.archived_at is not None or not found.is_invited(now):
        raise Refusal("invitation-over", _OVER)
    if found.store.archived:
        raise Refusal("store-archived", "This shop is closed at the moment. Your address was not taken.")
    return found


def recipient_register(*, token: str, k1: str, address: str, now: datetime | None = None) -> Recipient:
    """Take the address that a wallet brings to an invitation, once. The same address again gets the same answer.

    Nothing is sent to the address and nobody is asked about it; a payout to it asks. Raises Refusal, and then nothing was
    changed.
    """
    now = now or timezone.now()
    token = token.lower()
    if not constant_time_compare(k1.lower(), k1_of(token)):
        raise Refusal("invalid-k1", "This invitation is not complete. Please scan the code again.")
    target = target_read(address)
    if target.kind != DestinationKind.ADDRESS:
        raise Refusal("invalid-destination", "That is no Lightning Address. It looks like name@example.com.")
    known = Recipient.objects.select_related("store").filter(used_token=token).first()
    if known is not None and known.address == target.text and known.token != token:
        return known
    recipient = invitation_find(token, now)
    with transaction.atomic():
        before = recipient.address
        taken = Recipient.objects.filter(pk=recipient.pk, token=token, archived_at=None, invited_until__gt=now).update(
            address=target.text, registered_at=now, token="", used_token=token
        )
        if not taken:
            raise Refusal("invitation-over", _OVER)
        recipient.refresh_from_db()
        event_record(
            row=recipient,
            type="RecipientRegistered",
            before=before[:48],
            after=target.text[:48],
            actor="recipient",
            at=now,
            evidence={"address": target.text, "before": before},
        )
    return recipient


def recipient_pay(
    *,
    recipient: Recipient,
    amount: int,
    currency: Currency,
    actor: str,
    approved: bool = True,
    request_key: str = "",
    now: datetime | None = None,
) -> Payout:
    """Pay `amount` minor units to the registered address; the same `request_key` gets the same payout. Raises Refusal."""
    now = now or timezone.now()
    recipient.refresh_from_db()
    if recipient.archived_at is not None or not recipient.address:
        raise Refusal("no-address", f"{recipient.name} has not registered an address yet. Nothing was sent.")
    with rates_held([currency]), transaction.atomic():
        payout = payout_create(
            store=recipient.store,
            destination=recipient.address,
            amount=amount,
            currency=currency,
            approved=approved,
            request_key=request_key,
            actor=actor,
            now=now,
        )
        RecipientPayout.objects.get_or_create(payout=payout, defaults={"recipient": recipient})
    return payout
