"""From Flash's answers to typed results. A field that is missing or odd is never guessed: Unreadable is raised."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flashpay.flash.results import (
    Account,
    Cutover,
    InvoiceStatus,
    NewInvoice,
    Price,
    Transaction,
    TransactionDetails,
    Wallet,
)
from flashpay.flash.wire import decimal_read, time_read

NETWORKS = ("mainnet", "testnet", "signet", "regtest")


class Unreadable(ValueError):
    """The answer has not the shape that Flash's schema promises."""


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is missing")
    return value


def _text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Unreadable(f"{name} is missing")
    return value


def account_read(me: Mapping[str, Any]) -> Account:
    held = _mapping(me.get("defaultAccount"), "defaultAccount")
    return Account(
        username=_text_or_none(me, "username"),
        display_currency=_text_or_none(held, "displayCurrency"),
        default_wallet_id=_text(held, "defaultWalletId"),
        wallets=tuple(_wallet(_mapping(wallet, "wallet")) for wallet in held.get("wallets") or ()),
    )


def _wallet(fields: Mapping[str, Any]) -> Wallet:
    return Wallet(_text(fields, "id"), _text(fields, "walletCurrency"), decimal_read(fields.get("balance")))


def public_account_read(username: str, wallet: Mapping[str, Any]) -> Account:
    shown = Wallet(_text(wallet, "id"), _text(wallet, "walletCurrency"), None)
    return Account(username=username, display_currency=None, default_wallet_id=shown.id, wallets=(shown,))


def network_read(fields: Mapping[str, Any]) -> str:
    network = _text(fields, "network")
    if network not in NETWORKS:
        raise Unreadable("an unknown network")
    return network


def cutover_read(fields: Mapping[str, Any]) -> Cutover:
    return Cutover(_text(fields, "state"), int(decimal_read(fields.get("cutoverVersion")) or 0))


def invoice_read(fields: Mapping[str, Any]) -> NewInvoice:
    return NewInvoice(_text(fields, "paymentRequest"), _text(fields, "paymentHash").lower())


def status_read(value: Any) -> InvoiceStatus:
    try:
        return InvoiceStatus(value)
    except ValueError as error:
        raise Unreadable("an unknown invoice status") from error


def _quotient(fields: Any) -> Decimal:
    """Flash schema: price = base / 10^offset."""
    parts = _mapping(fields, "price")
    base, offset = decimal_read(parts.get("base")), decimal_read(parts.get("offset"))
    if base is None or offset is None or base <= 0 or offset != int(offset) or not 0 <= offset <= 30:
        raise Unreadable("a price that is no positive number")
    return base.scaleb(-int(offset))


def price_read(fields: Mapping[str, Any]) -> Price:
    at = time_read(fields.get("timestamp"))
    if at is None:
        raise Unreadable("a price without its time")
    return Price(
        currency=_text(fields, "denominatorCurrency"),
        minor_per_sat=_quotient(fields.get("btcSatPrice")),
        minor_per_usd_cent=_quotient(fields.get("usdCentPrice")),
        at=at,
    )


def transactions_read(connection: Mapping[str, Any]) -> tuple[Transaction, ...]:
    edges = connection.get("edges") or ()
    return tuple(_transaction(_mapping(_mapping(edge, "edge").get("node"), "node")) for edge in edges)


def _transaction(node: Mapping[str, Any]) -> Transaction:
    created_at, amount = time_read(node.get("createdAt")), decimal_read(node.get("settlementDisplayAmount"))
    if created_at is None or amount is None:
        raise Unreadable("a transaction without its time or amount")
    initiation, settlement = node.get("initiationVia") or {}, node.get("settlementVia") or {}
    payment_hash = _text_or_none(initiation, "paymentHash")
    return Transaction(
        id=_text(node, "id"),
        direction=_text(node, "direction"),
        status=_text(node, "status"),
        created_at=created_at,
        amount=amount,
        fee=decimal_read(node.get("settlementDisplayFee")) or Decimal(0),
        currency=_text(node, "settlementDisplayCurrency"),
        wallet_currency=_text(node, "settlementCurrency"),
        payment_hash=payment_hash.lower() if payment_hash else None,
        preimage=_text_or_none(settlement, "preImage"),
    )


def details_read(fields: Mapping[str, Any]) -> TransactionDetails:
    payment_hash, preimage = _text_or_none(fields, "paymentHash"), _text_or_none(fields, "paymentPreimage")
    return TransactionDetails(
        id=_text(fields, "id"),
        amount=decimal_read(fields.get("amount")),
        fee=decimal_read(fields.get("fee")),
        currency=_text_or_none(fields, "currency"),
        status=_text_or_none(fields, "status"),
        type=_text_or_none(fields, "type"),
        created_at=time_read(fields.get("createdAt")),
        bolt11=_text_or_none(fields, "invoice"),
        payment_hash=payment_hash.lower() if payment_hash else None,
        preimage=preimage.lower() if preimage else None,
        memo=_text_or_none(fields, "memo"),
    )
