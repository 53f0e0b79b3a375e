"""Which wallets an account seems to have: Flash's move from USD to USDT cash wallets, seen by old and new clients."""

from dataclasses import dataclass

from flashpay.sandbox.accounts import Account
from flashpay.sandbox.graph.troubles import CUTOVER_RUNNING, Trouble

CAPABILITY = "cash-wallet-usdt-v1"
CAPABILITY_HEADER = "x-flash-client-capabilities"


@dataclass(frozen=True)
class ShownWallet:
    """A wallet as a client sees it, and the wallet whose money stands behind it."""

    id: str
    currency: str
    behind: str
    account: Account


def capable(header: str | None) -> bool:
    """Does the comma-separated, case-insensitive header name the USDT capability?"""
    return CAPABILITY in [part.strip().lower() for part in (header or "").split(",")]


def wallet_shown(account: Account, *, cutover: str, is_capable: bool) -> ShownWallet:
    """The one cash wallet that this client gets to see. Raises Trouble while the move is in progress."""
    if cutover == "IN_PROGRESS":
        raise Trouble(CUTOVER_RUNNING, "INVALID_INPUT")
    if cutover == "PRE":
        return ShownWallet(account.usd_wallet_id, "USD", account.usd_wallet_id, account)
    if is_capable:
        return ShownWallet(account.usdt_wallet_id, "USDT", account.usdt_wallet_id, account)
    return ShownWallet(account.usd_wallet_id, "USD", account.usdt_wallet_id, account)


def wallet_routed(account: Account, wallet_id: str, *, cutover: str) -> str:
    """Where an operation on `wallet_id` truly settles: after the move a legacy USD id leads to the USDT wallet."""
    if cutover == "IN_PROGRESS":
        raise Trouble(CUTOVER_RUNNING, "INVALID_INPUT")
    if cutover == "COMPLETE" and wallet_id == account.usd_wallet_id:
        return account.usdt_wallet_id
    return wallet_id
