"""Invoices, payments and balances: the only place where sandbox money moves.

A payment goes IN_FLIGHT → SUCCEEDED | FAILED. It debits the payer when it starts and credits the payee when it succeeds; there is
never more than one payment of an invoice that has not failed. Later endings ("pending for a while", "failed, reimbursed later")
are stored with their time, so they happen after a restart too.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from flashpay.sandbox.accounts import Accounts, Wallet
from flashpay.sandbox.node import SignedInvoice
from flashpay.sandbox.prices import Prices
from flashpay.sandbox.store import Row, Store


class PaymentRefused(Exception):
    """No money moved."""


class AlreadyPrepared(PaymentRefused):
    """The invoice is paid or being paid."""


class NotPayable(PaymentRefused):
    """Expired, or of a node that does not exist here, or the payer's own."""


class NotEnough(PaymentRefused):
    def __init__(self, *, balance: int, amount: int, fee: int) -> None:
        super().__init__("The balance is too small.")
        self.balance = balance
        self.amount = amount
        self.fee = fee


class Ending(StrEnum):
    SETTLE = "settle"
    FAIL = "fail"
    REIMBURSE = "reimburse"


class InvoiceState(StrEnum):
    PENDING = "PENDING"
    PAID = "PAID"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Invoice:
    payment_hash: str
    bolt11: str
    preimage: str
    payment_secret: str
    wallet_id: str
    amount_msat: int | None
    memo: str
    created_at: float
    expires_at: float
    settled_at: float | None
    received_msat: int | None
    by_lnurl: bool

    def state(self, now: float) -> InvoiceState:
        if self.settled_at is not None:
            return InvoiceState.PAID
        return InvoiceState.EXPIRED if now >= self.expires_at else InvoiceState.PENDING


@dataclass(frozen=True)
class Payment:
    id: str
    payment_hash: str
    bolt11: str
    from_wallet: str
    to_wallet: str
    amount_msat: int
    fee_msat: int
    debit: int
    fee_debit: int
    state: str
    created_at: float
    ended_at: float | None
    due_at: float | None
    due_action: str | None
    visibility_delay_s: float


class Ledger:
    """`on_received(invoice)` is called at each settlement."""

    def __init__(
        self,
        *,
        store: Store,
        accounts: Accounts,
        prices: Prices,
        now: Callable[[], float],
        on_received: Callable[[Invoice], None],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._prices = prices
        self._now = now
        self._on_received = on_received

    # Invoices

    def invoice_add(
        self, signed: SignedInvoice, *, wallet_id: str, amount_msat: int | None, memo: str, by_lnurl: bool = False
    ) -> Invoice:
        self._store.insert(
            "invoices",
            payment_hash=signed.payment_hash,
            bolt11=signed.bolt11,
            preimage=signed.preimage,
            payment_secret=signed.payment_secret,
            wallet_id=wallet_id,
            amount_msat=amount_msat,
            memo=memo,
            created_at=signed.created_at,
            expires_at=signed.expires_at,
            by_lnurl=int(by_lnurl),
        )
        invoice = self.invoice_by_hash(signed.payment_hash)
        assert invoice is not None
        return invoice

    def invoice_by_bolt11(self, bolt11: str) -> Invoice | None:
        return self._invoice(self._store.one("SELECT * FROM invoices WHERE bolt11 = ?", bolt11.lower()))

    def invoice_by_hash(self, payment_hash: str) -> Invoice | None:
        return self._invoice(self._store.one("SELECT * FROM invoices WHERE payment_hash = ?", payment_hash))

    @staticmethod
    def _invoice(row: Row | None) -> Invoice | None:
        return None if row is None else Invoice(**{**dict(row), "by_lnurl": bool(row["by_lnurl"])})

    # Payments

    def payment_begin(
        self, *, payer: Wallet, invoice: Invoice, amount_msat: int, fee_msat: int, debit: int, fee_debit: int
    ) -> Payment:
        """Reserve the invoice and take amount and fee from the payer. Raises PaymentRefused."""
        now = self._now()
        with self._store.transaction():
            if self._live_payment(invoice.payment_hash) is not None or invoice.settled_at is not None:
                raise AlreadyPrepared
            if now >= invoice.expires_at or invoice.wallet_id == payer.id:
                raise NotPayable
            taken = self._store.run(
                "UPDATE wallets SET balance = balance - ? WHERE id = ? AND balance >= ?",
                debit + fee_debit,
                payer.id,
                debit + fee_debit,
            )
            if not taken:
                raise NotEnough(balance=payer.balance, amount=debit, fee=fee_debit)
            payment_id = str(uuid.uuid4())
            self._store.insert(
                "payments",
                id=payment_id,
                payment_hash=invoice.payment_hash,
                bolt11=invoice.bolt11,
                from_wallet=payer.id,
                to_wallet=invoice.wallet_id,
                amount_msat=amount_msat,
                fee_msat=fee_msat,
                debit=debit,
                fee_debit=fee_debit,
                state="IN_FLIGHT",
                created_at=now,
            )
        return self.payment(payment_id)

    def payment_settle(self, payment_id: str, *, visibility_delay_s: float = 0) -> None:
        """Hand the money to the payee: balances, both feeds, then the push."""
        now = self._now()
        with self._store.transaction():
            payment = self.payment(payment_id)
            if not self._end(payment_id, "SUCCEEDED", now):
                return
            payee = self._wallet(payment.to_wallet)
            credit = payment.amount_msat if payee.is_phone else self._prices.ucent_for_msat(payment.amount_msat)
            self._accounts.fund(wallet_id=payee.id, amount=credit)
            self._store.run(
                "UPDATE invoices SET settled_at = ?, received_msat = ? WHERE payment_hash = ?",
                now,
                payment.amount_msat,
                payment.payment_hash,
            )
            self._feed_add(payment, wallet_id=payee.id, direction="RECEIVE", amount=credit, delay_s=visibility_delay_s)
            self._feed_add(
                payment,
                wallet_id=payment.from_wallet,
                direction="SEND",
                amount=-payment.debit,
                fee=payment.fee_debit,
                delay_s=visibility_delay_s,
            )
        invoice = self.invoice_by_hash(payment.payment_hash)
        assert invoice is not None
        self._on_received(invoice)

    def payment_fail(self, payment_id: str) -> None:
        """Give the money back; neither feed shows anything."""
        with self._store.transaction():
            payment = self.payment(payment_id)
            if self._end(payment_id, "FAILED", self._now()):
                self._accounts.fund(wallet_id=payment.from_wallet, amount=payment.debit + payment.fee_debit)

    def payment_show_debit(self, payment_id: str, *, visibility_delay_s: float = 0) -> None:
        """Let a payment that has not settled stand in the payer's feed, as one does that is reimbursed later."""
        payment = self.payment(payment_id)
        self._feed_add(
            payment,
            wallet_id=payment.from_wallet,
            direction="SEND",
            amount=-payment.debit,
            fee=payment.fee_debit,
            delay_s=visibility_delay_s,
        )

    def payment_reimburse(self, payment_id: str, *, visibility_delay_s: float = 0) -> None:
        """Fail a payment whose debit was already shown: the money returns as a row of its own."""
        with self._store.transaction():
            payment = self.payment(payment_id)
            self.payment_fail(payment_id)
            self._feed_add(
                payment,
                wallet_id=payment.from_wallet,
                direction="RECEIVE",
                amount=payment.debit + payment.fee_debit,
                delay_s=visibility_delay_s,
            )

    def payment_schedule(self, payment_id: str, *, ending: Ending, at: float, visibility_delay_s: float = 0) -> None:
        self._store.run(
            "UPDATE payments SET due_at = ?, due_action = ?, visibility_delay_s = ? WHERE id = ?",
            at,
            ending.value,
            visibility_delay_s,
            payment_id,
        )

    def payments_end_due(self) -> None:
        """Carry out every scheduled ending whose time has come."""
        for row in self._store.all("SELECT id FROM payments WHERE due_at <= ?", self._now()):
            payment = self.payment(row["id"])
            self._store.run("UPDATE payments SET due_at = NULL WHERE id = ?", payment.id)
            if payment.due_action == Ending.SETTLE:
                self.payment_settle(payment.id, visibility_delay_s=payment.visibility_delay_s)
            elif payment.due_action == Ending.FAIL:
                self.payment_fail(payment.id)
            else:
                self.payment_reimburse(payment.id, visibility_delay_s=payment.visibility_delay_s)

    def payment(self, payment_id: str) -> Payment:
        row = self._store.one("SELECT * FROM payments WHERE id = ?", payment_id)
        assert row is not None
        return Payment(**dict(row))

    def payments(self, *, everything: bool = False) -> list[Payment]:
        """Payments in the order they began; without `everything`, only those that truly reached the payee."""
        sql = "SELECT * FROM payments WHERE ? OR state = 'SUCCEEDED' ORDER BY created_at, rowid"
        return [Payment(**dict(row)) for row in self._store.all(sql, everything)]

    # Feeds

    def feed(self, wallet_id: str, *, limit: int) -> list[Row]:
        """The newest visible rows of a wallet, newest first."""
        return self._store.all(
            "SELECT * FROM transactions WHERE wallet_id = ? AND visible_at <= ? ORDER BY settled_at DESC, rowid DESC LIMIT ?",
            wallet_id,
            self._now(),
            limit,
        )

    def feed_row(self, transaction_id: str) -> Row | None:
        return self._store.one(
            "SELECT * FROM transactions WHERE id = ? AND visible_at <= ?", transaction_id, self._now()
        )

    def _feed_add(
        self, payment: Payment, *, wallet_id: str, direction: str, amount: int, delay_s: float, fee: int = 0
    ) -> None:
        now = self._now()
        invoice = self.invoice_by_hash(payment.payment_hash)
        assert invoice is not None
        paid = self.payment(payment.id).state == "SUCCEEDED"
        self._store.insert(
            "transactions",
            id=str(uuid.uuid4()),
            wallet_id=wallet_id,
            direction=direction,
            amount=amount,
            fee=fee,
            settled_at=now,
            visible_at=now + delay_s,
            payment_hash=payment.payment_hash,
            bolt11=payment.bolt11,
            preimage=invoice.preimage if paid else None,
            memo=invoice.memo,
        )

    def _live_payment(self, payment_hash: str) -> Row | None:
        return self._store.one("SELECT id FROM payments WHERE payment_hash = ? AND state != 'FAILED'", payment_hash)

    def _end(self, payment_id: str, state: str, now: float) -> bool:
        return bool(
            self._store.run(
                "UPDATE payments SET state = ?, ended_at = ?, due_at = NULL WHERE id = ? AND state = 'IN_FLIGHT'",
                state,
                now,
                payment_id,
            )
        )

    def _wallet(self, wallet_id: str) -> Wallet:
        wallet = self._accounts.wallet(wallet_id)
        assert wallet is not None
        return wallet
