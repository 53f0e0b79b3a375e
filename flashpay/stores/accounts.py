"""Who may sign up: the first visitor, who becomes the administrator, and others only where REGISTRATION_OPEN says so."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from flashpay.stores.models import User


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.REGISTRATION_OPEN) or not User.objects.exists()

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        if not User.objects.exists():
            user.is_staff = user.is_superuser = True
        return super().save_user(request, user, form, commit)
