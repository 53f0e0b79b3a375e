from __future__ import annotations

import copy
import pickle

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.db import connection
from django.test import override_settings

from flashpay import crypto
from flashpay.fields import SecretText
from flashpay.stores.models import CredentialKind, Store, WalletConnection

SECRET = "fk_live_1234567890"


def connection_make(store: Store, secret: str = SECRET) -> WalletConnection:
    return WalletConnection.objects.create(
        store=store, kind=CredentialKind.API_KEY, secret=secret, wallet_id="w", wallet_currency="USD", minimum_sat=1
    )


def stored(wallet: WalletConnection) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM stores_walletconnection WHERE id = %s", [wallet.pk])
        return str(cursor.fetchone()[0])


def test_the_database_holds_only_what_is_encrypted(store: Store) -> None:
    wallet = connection_make(store)
    assert SECRET not in stored(wallet)
    assert crypto.decrypt(stored(wallet)) == SECRET
    assert WalletConnection.objects.get(pk=wallet.pk).secret == SECRET
    assert list(WalletConnection.objects.values_list("secret", flat=True)) == [SECRET]


def test_a_change_is_encrypted_too_however_it_is_made(store: Store) -> None:
    wallet = connection_make(store)
    wallet.secret = "fk_live_2"
    wallet.save(update_fields=["secret"])
    assert crypto.decrypt(stored(wallet)) == "fk_live_2"
    WalletConnection.objects.filter(pk=wallet.pk).update(secret="fk_live_3")
    assert crypto.decrypt(stored(wallet)) == "fk_live_3"
    wallet.secret = "fk_live_4"
    WalletConnection.objects.bulk_update([wallet], ["secret"])
    assert crypto.decrypt(stored(wallet)) == "fk_live_4"


def test_no_secret_stays_no_secret(store: Store) -> None:
    wallet = connection_make(store, secret="")
    assert stored(wallet) == ""
    assert WalletConnection.objects.get(pk=wallet.pk).secret == ""


def test_it_never_shows_up_in_a_repr(store: Store) -> None:
    made = connection_make(store)
    read = WalletConnection.objects.get(pk=made.pk)
    deferred = WalletConnection.objects.defer("secret").get(pk=made.pk)
    for wallet in (made, read, deferred, copy.deepcopy(read), pickle.loads(pickle.dumps(read))):
        assert isinstance(wallet.secret, SecretText)
        assert wallet.secret == SECRET
        for shown in (repr(wallet), repr(wallet.secret), repr(vars(wallet)), str(wallet), f"{wallet.secret!r}"):
            assert SECRET not in shown
    assert SECRET not in repr(list(WalletConnection.objects.values("secret")))


def test_a_missing_key_is_a_clear_error(store: Store) -> None:
    wallet = connection_make(store)
    with (
        override_settings(FIELD_ENCRYPTION_KEYS=[Fernet.generate_key().decode()]),
        pytest.raises(crypto.CannotDecrypt, match="FIELD_ENCRYPTION_KEYS"),
    ):
        WalletConnection.objects.get(pk=wallet.pk)
    assert WalletConnection.objects.get(pk=wallet.pk).secret == SECRET


@pytest.mark.parametrize("lookup", ["secret", "secret__contains", "secret__in", "secret__gt"])
def test_it_cannot_be_searched_for(store: Store, lookup: str) -> None:
    connection_make(store)
    with pytest.raises(FieldError):
        WalletConnection.objects.filter(**{lookup: SECRET}).exists()
    assert WalletConnection.objects.filter(secret__isnull=False).exists()
