"""Accounts of the pretend Flash: who they are, which credentials open them, and their wallets.

Money is kept as whole numbers in each wallet's smallest unit: millionths of a cent ("ucent") in USD and USDT wallets, thousandths
of a satoshi (msat) in the phone's own wallet.
"""

import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from flashpay.sandbox.store import Row, Store

UCENT_PER_CENT = 1_000_000
PHONE_WALLET_ID = "phone"  # not a UUID, so it can never be addressed through Flash's API
SCOPES = ("read:user", "write:user", "read:wallet", "write:wallet", "read:transactions", "write:transactions")
USERNAME = re.compile(r"(?!1|3|bc1|lnbc1)\w{3,50}")


class AccountRefused(ValueError):
    """The account cannot be made or changed as asked; the message says why."""


@dataclass(frozen=True)
class Account:
    id: str
    user_id: str
    username: str
    display_currency: str
    api_key: str
    scopes: frozenset[str]
    session_token: str
    active: bool
    created_at: float
    usd_wallet_id: str
    usdt_wallet_id: str


@dataclass(frozen=True)
class Wallet:
    id: str
    account_id: str | None
    currency: str
    balance: int

    @property
    def is_phone(self) -> bool:
        return self.currency == "SAT"


def username_normal(text: str) -> str | None:
    """The lower-cased username, or None when Flash would refuse it."""
    return text.lower() if USERNAME.fullmatch(text) else None


class Accounts:
    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    def create(
        self,
        *,
        username: str,
        balance_cents: Decimal = Decimal(0),
        display_currency: str = "USD",
        scopes: tuple[str, ...] = SCOPES,
    ) -> Account:
        """Open an account with a USD and a USDT wallet; the starting balance goes into the USDT wallet."""
        name = username_normal(username)
        if name is None:
            raise AccountRefused("A username has 3 to 50 letters, digits or underscores.")
        if self._store.one("SELECT 1 FROM accounts WHERE username = ?", name):
            raise AccountRefused(f"The username {name} is taken.")
        unknown = set(scopes) - {*SCOPES, "admin"}
        if unknown:
            raise AccountRefused(f"Unknown scopes: {', '.join(sorted(unknown))}.")
        account_id = str(uuid.uuid4())
        with self._store.transaction():
            self._store.insert(
                "accounts",
                id=account_id,
                user_id=str(uuid.uuid4()),
                username=name,
                display_currency=display_currency,
                api_key=f"fk_{secrets.token_hex(4)}_{secrets.token_urlsafe(48)}",
                scopes=" ".join(scopes),
                session_token="ory_st_" + "".join(secrets.choice(LETTERS) for _ in range(32)),
                created_at=self._now(),
            )
            for currency, balance in (("USD", 0), ("USDT", int(balance_cents * UCENT_PER_CENT))):
                self._store.insert(
                    "wallets", id=str(uuid.uuid4()), account_id=account_id, currency=currency, balance=balance
                )
        account = self.by_id(account_id)
        assert account is not None
        return account

    def by_id(self, account_id: str) -> Account | None:
        return self._account("SELECT * FROM accounts WHERE id = ?", account_id)

    def by_username(self, username: str) -> Account | None:
        return self._account("SELECT * FROM accounts WHERE username = ?", username.lower())

    def by_api_key(self, key: str) -> Account | None:
        return self._account("SELECT * FROM accounts WHERE api_key = ?", key)

    def by_session_token(self, token: str) -> Account | None:
        return self._account("SELECT * FROM accounts WHERE session_token = ?", token)

    def by_wallet(self, wallet_id: str) -> Account | None:
        return self._account(
            "SELECT accounts.* FROM accounts JOIN wallets ON wallets.account_id = accounts.id WHERE wallets.id = ?",
            wallet_id,
        )

    def wallet(self, wallet_id: str) -> Wallet | None:
        row = self._store.one("SELECT * FROM wallets WHERE id = ?", wallet_id)
        return None if row is None else Wallet(row["id"], row["account_id"], row["currency"], row["balance"])

    def phone_wallet(self, *, balance_msat: int) -> Wallet:
        """The phone's wallet, made with `balance_msat` when it is not there yet."""
        return self.sat_wallet(PHONE_WALLET_ID, balance_msat=balance_msat)

    def sat_wallet(self, wallet_id: str, *, balance_msat: int) -> Wallet:
        """A wallet outside of Flash, made with `balance_msat` when it is not there yet."""
        self._store.run(
            "INSERT INTO wallets VALUES (?, NULL, 'SAT', ?) ON CONFLICT (id) DO NOTHING", wallet_id, balance_msat
        )
        wallet = self.wallet(wallet_id)
        assert wallet is not None
        return wallet

    def fund(self, *, wallet_id: str, amount: int) -> None:
        """Add (or, negative, take) an amount in the wallet's smallest unit, from nowhere."""
        self._store.run("UPDATE wallets SET balance = balance + ? WHERE id = ?", amount, wallet_id)

    def display_currency_set(self, *, account_id: str, currency: str) -> None:
        self._store.run("UPDATE accounts SET display_currency = ? WHERE id = ?", currency, account_id)

    def active_set(self, *, account_id: str, active: bool) -> None:
        self._store.run("UPDATE accounts SET active = ? WHERE id = ?", int(active), account_id)

    def credentials_renew(self, *, account_id: str) -> None:
        """Revoke the API key and the session token and issue new ones."""
        self._store.run(
            "UPDATE accounts SET api_key = ?, session_token = ? WHERE id = ?",
            f"fk_{secrets.token_hex(4)}_{secrets.token_urlsafe(48)}",
            "ory_st_" + "".join(secrets.choice(LETTERS) for _ in range(32)),
            account_id,
        )

    def _account(self, sql: str, value: str) -> Account | None:
        row = self._store.one(sql, value)
        if row is None:
            return None
        wallets = {w["currency"]: w["id"] for w in self._wallets_of(row["id"])}
        return Account(
            id=row["id"],
            user_id=row["user_id"],
            username=row["username"],
            display_currency=row["display_currency"],
            api_key=row["api_key"],
            scopes=frozenset(row["scopes"].split()),
            session_token=row["session_token"],
            active=bool(row["active"]),
            created_at=row["created_at"],
            usd_wallet_id=wallets["USD"],
            usdt_wallet_id=wallets["USDT"],
        )

    def _wallets_of(self, account_id: str) -> list[Row]:
        return self._store.all("SELECT id, currency FROM wallets WHERE account_id = ?", account_id)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
