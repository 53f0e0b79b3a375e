"""Looking after connected wallets: whether the credential still works, what the balance is, how right our clock is."""

from __future__ import annotations

from datetime import datetime

import redis
import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from flashpay import flash
from flashpay.crypto import CannotDecrypt
from flashpay.stores.clock import clock_compare, clock_keep
from flashpay.stores.events import event_record
from flashpay.stores.models import WalletConnection
from flashpay.stores.wallets import anybody_open, endpoint_of, facts_keep, wallet_open

log = structlog.get_logger(__name__)

# Each check costs a request of Flash's sixty a minute and address; polling needs the most of them.
CHECKS_PER_RUN = 10

WALLET_GONE = (
    "The Flash account of this credential no longer has the wallet that was connected. No money moved. "
    "Please connect it again, so that money goes to the wallet that is there now."
)
WALLET_MOVED = (
    "Flash has opened a new dollar wallet (USDT) in this account. Please connect it again, with the same credential, "
    "so that this store pays from the new one."
)


def wallets_due() -> list[str]:
    """The ids of the wallets to be checked now: those that have waited longest."""
    active = WalletConnection.objects.filter(is_active=True, store__archived=False)
    due = active.order_by(F("checked_at").asc(nulls_first=True)).values_list("pk", flat=True)
    return list(due[:CHECKS_PER_RUN])


def wallet_check(*, connection_id: str, now: datetime | None = None) -> None:
    """Ask Flash whether the credential works and what is in the wallet, and store what it says.

    "Wait" says nothing about a wallet and changes nothing. Raises nothing of Flash.
    """
    now = now or timezone.now()
    try:
        connection = WalletConnection.objects.filter(pk=connection_id, is_active=True).first()
    except CannotDecrypt as error:
        _trouble_keep(connection_id, str(error), now)
        return
    if connection is None:
        return
    client = wallet_open(connection)
    try:
        account = client.account()
    except flash.MustWait:
        return
    except flash.FlashError as error:
        _trouble_keep(connection.pk, str(error), now)
        return
    facts_keep(connection, client.transport_facts)
    wallet = next((wallet for wallet in account.wallets if wallet.id == connection.wallet_id), None)
    if wallet is not None and wallet.balance_cents is not None:
        WalletConnection.objects.filter(pk=connection.pk).update(balance_cents=wallet.balance_cents)
    _trouble_keep(connection.pk, _trouble(connection, account, wallet), now)


def clock_check(*, connection_id: str) -> None:
    """Compare our clock with that of the endpoint of this connection. Raises nothing of Flash or Redis."""
    connection = WalletConnection.objects.defer("secret").filter(pk=connection_id).first()
    if connection is None:
        return
    endpoint = endpoint_of(connection)
    try:
        clock_keep(endpoint, clock_compare(anybody_open(endpoint)))
    except (flash.FlashError, redis.RedisError) as error:
        log.info("the clock was not compared", error=type(error).__name__)


def _trouble(connection: WalletConnection, account: flash.Account, wallet: flash.Wallet | None) -> str:
    """What a person has to do something about, as a sentence; empty when all is well."""
    best = account.cash_wallet
    if not account.wallets or best is None:
        return ""  # the credential may not see wallets
    if wallet is None:
        return WALLET_GONE
    if best.id != wallet.id and best.currency == "USDT" and wallet.currency != "USDT":
        return WALLET_MOVED
    return ""


def _trouble_keep(connection_id: str, sentence: str, now: datetime) -> None:
    """Store the outcome of a check; that a wallet fell ill or got well again is an event of its store."""
    rows = WalletConnection.objects.defer("secret")
    with transaction.atomic():
        row = rows.select_for_update().get(pk=connection_id)
        rows.filter(pk=connection_id).update(checked_at=now, last_error=sentence[:500])
        if bool(row.last_error) != bool(sentence):
            event_record(
                row=row,
                type="WalletTrouble" if sentence else "WalletRecovered",
                at=now,
                evidence={"reason": sentence[:500]} if sentence else {},
            )
