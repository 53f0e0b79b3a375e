"""Who may sign up: the first visitor, who becomes the administrator, and others only where REGISTRATION_OPEN says so.

And those who are invited: they get a link with which they choose their password.
"""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from flashpay.stores.models import Membership, User

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.REGISTRATION_OPEN) or not User.objects.exists()

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        if not User.objects.exists():
            user.is_staff = user.is_superuser = True
        return super().save_user(request, user, form, commit)


def invitation_link(user: User) -> str:
    """Where a person who has no password yet chooses one; it works once, for three days. "" for everybody else.

    Whoever holds it becomes that person here.
    """
    if user.has_usable_password() or not user.is_active:
        return ""
    key = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return settings.PUBLIC_URL + reverse("account_reset_password_from_key", kwargs=key)


def invitation_send(member: Membership) -> bool:
    """Mail somebody who was given a place in a store, with the link to choose a password where they have none. Whether it went."""
    context = {
        "store": member.store,
        "role": member.role,
        "link": invitation_link(member.user),
        "home": settings.PUBLIC_URL,
    }
    try:
        AccountAdapter().send_mail("account/email/invitation", member.user.email, context)
    except OSError as error:  # smtplib's own errors are of this family too
        log.warning("an invitation was not sent", member=member.pk, error=type(error).__name__)
        return False
    return True
