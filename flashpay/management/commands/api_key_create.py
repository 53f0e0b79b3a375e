"""`manage.py api_key_create --email E [--store S] [--label L]`: print a new API key, and nothing else."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flashpay.stores.models import Store, User
from flashpay.stores.selectors import membership_get
from flashpay.stores.services import api_key_create


class Command(BaseCommand):
    help = "Make a key for the REST API and print it. It is not kept and cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True, help="of the person whose key it is")
        parser.add_argument(
            "--store", default="", help="id of the only store the key reaches; all of the person's without"
        )
        parser.add_argument("--label", default="", help="to tell keys apart")

    def handle(self, *, email: str, store: str, label: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email.strip()).first()
        if user is None:
            raise CommandError(f"There is no user with the address {email}. No key was made.")
        _, text = api_key_create(user=user, store=_store_of(user, store) if store else None, label=label)
        self.stdout.write(text)


def _store_of(user: User, store_id: str) -> Store:
    membership = membership_get(user=user, store_id=store_id)
    if membership is None:
        raise CommandError(f"{user.email} has no store {store_id}. No key was made.")
    return membership.store
