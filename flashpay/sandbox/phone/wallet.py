"""The phone itself: reads, pays, withdraws, receives, and remembers."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from flashpay.sandbox.accounts import PHONE_WALLET_ID, Wallet
from flashpay.sandbox.ledger import AlreadyPrepared, Invoice, InvoiceState, NotEnough, NotPayable
from flashpay.sandbox.node import ReadInvoice
from flashpay.sandbox.phone.lnurl_client import PayRequest, WithdrawOffer, info_fetch, invoice_ask, withdraw_ask
from flashpay.sandbox.phone.reading import PhoneRefused, text_read
from flashpay.sandbox.service import PHONE_BALANCE_MSAT, PHONE_INVOICE_LIFE_S, Sandbox

MSAT = 1000


@dataclass(frozen=True)
class Scanned:
    """What a text turned out to be, with all the phone needs to go on."""

    kind: str  # "invoice", "withdraw" or "pay"
    whom: str
    description: str
    min_msat: int
    max_msat: int
    state: str = ""
    invoice: ReadInvoice | None = None
    offer: WithdrawOffer | None = None
    request: PayRequest | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "whom": self.whom,
            "description": self.description,
            "min_sat": -(-self.min_msat // MSAT),
            "max_sat": self.max_msat // MSAT,
            "amount_fixed": self.min_msat == self.max_msat,
            "state": self.state,
            "payment_hash": self.invoice.payment_hash if self.invoice else None,
            "expires_at": self.invoice.expires_at if self.invoice else None,
        }


class Phone:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @property
    def wallet(self) -> Wallet:
        return self._sandbox.accounts.phone_wallet(balance_msat=PHONE_BALANCE_MSAT)

    @property
    def balance_sat(self) -> int:
        return self.wallet.balance // MSAT

    def fund(self, *, sat: int) -> None:
        self._sandbox.accounts.fund(wallet_id=self.wallet.id, amount=sat * MSAT)

    async def read(self, text: str) -> Scanned:
        """Understand a text, asking the service behind it where there is one; moves nothing. Raises PhoneRefused."""
        reading = text_read(text)
        if reading.invoice is not None:
            return self._scanned_invoice(reading.invoice)
        assert reading.url is not None
        info = await info_fetch(reading.url)
        if isinstance(info, WithdrawOffer):
            return Scanned("withdraw", info.host, info.description, info.min_msat, info.max_msat, offer=info)
        whom = reading.address or info.host
        return Scanned("pay", whom, info.description, info.min_msat, info.max_msat, request=info)

    def _scanned_invoice(self, read: ReadInvoice) -> Scanned:
        if read.network != self._sandbox.network:
            raise PhoneRefused(f"This invoice is for {read.network}, but this phone is on {self._sandbox.network}.")
        low, high = (read.amount_msat, read.amount_msat) if read.amount_msat else (MSAT, self.wallet.balance)
        found = self._sandbox.ledger.invoice_by_bolt11(read.bolt11)
        now = self._sandbox.now()
        state = found.state(now).value if found else "EXPIRED" if read.expires_at <= now else "UNREACHABLE"
        return Scanned("invoice", self._name(found), read.memo, low, high, state=state, invoice=read)

    def _name(self, invoice: Invoice | None) -> str:
        if invoice is None:
            return "a node this phone cannot reach"
        account = self._sandbox.accounts.by_wallet(invoice.wallet_id)
        return f"{account.username} (Flash)" if account else "this phone"

    async def go(
        self, text: str, *, amount_sat: int | None = None, comment: str = "", wait_s: float = 0.0
    ) -> dict[str, Any]:
        """Pay or withdraw, whichever the text asks for; returns the entry in the history. Raises PhoneRefused.

        A withdrawal waits up to `wait_s` for the money.
        """
        scanned = await self.read(text)
        if scanned.offer is not None:
            return await self._withdraw(scanned, scanned.offer, amount_sat, wait_s)
        if scanned.request is not None:
            return await self._pay_lnurl(scanned, scanned.request, amount_sat, comment)
        assert scanned.invoice is not None
        amount_msat = self._amount(scanned, amount_sat)
        return self._pay(scanned.invoice, amount_msat, kind="invoice", whom=scanned.whom, memo=scanned.description)

    def _amount(self, scanned: Scanned, amount_sat: int | None) -> int:
        if amount_sat is None:
            if scanned.kind != "withdraw" and scanned.min_msat != scanned.max_msat:
                raise PhoneRefused("Say how many sats.")
            amount_msat = scanned.max_msat // MSAT * MSAT if scanned.kind == "withdraw" else scanned.max_msat
        else:
            amount_msat = amount_sat * MSAT
        if not scanned.min_msat <= amount_msat <= scanned.max_msat:
            shown = scanned.shown()
            raise PhoneRefused(f"Choose between {shown['min_sat']:,} and {shown['max_sat']:,} sat.")
        return amount_msat

    def _pay(self, read: ReadInvoice, amount_msat: int, *, kind: str, whom: str, memo: str) -> dict[str, Any]:
        ledger = self._sandbox.ledger
        invoice = ledger.invoice_by_bolt11(read.bolt11)
        if invoice is None:
            raise PhoneRefused("No route: this phone only reaches wallets of this sandbox. No money moved.")
        try:
            with self._sandbox.store.transaction():
                payment = ledger.payment_begin(
                    payer=self.wallet,
                    invoice=invoice,
                    amount_msat=amount_msat,
                    fee_msat=0,
                    debit=amount_msat,
                    fee_debit=0,
                )
                entry = self._remember("sent", kind, whom, memo, amount_msat, invoice, "sent")
                delay_s = self._sandbox.switches.take("visibility_delay_s")
                ledger.payment_settle(payment.id, visibility_delay_s=delay_s)
        except AlreadyPrepared as error:
            raise PhoneRefused("This invoice is already paid. No money moved.") from error
        except NotEnough as error:
            raise PhoneRefused("There is not enough on this phone. No money moved.") from error
        except NotPayable as error:
            own = invoice.wallet_id == PHONE_WALLET_ID
            reason = "This is the phone's own invoice." if own else "This invoice has expired."
            raise PhoneRefused(f"{reason} No money moved.") from error
        return self.entry(entry)

    async def _pay_lnurl(
        self, scanned: Scanned, request: PayRequest, amount_sat: int | None, comment: str
    ) -> dict[str, Any]:
        amount_msat = self._amount(scanned, amount_sat)
        reading = text_read(await invoice_ask(request, amount_msat=amount_msat, comment=comment))
        if reading.invoice is None or reading.invoice.amount_msat != amount_msat:
            raise PhoneRefused("The service sent an invoice over another amount. No money moved.")
        self._scanned_invoice(reading.invoice)  # right network
        return self._pay(
            reading.invoice, amount_msat, kind="pay", whom=scanned.whom, memo=comment or scanned.description
        )

    async def _withdraw(
        self, scanned: Scanned, offer: WithdrawOffer, amount_sat: int | None, wait_s: float
    ) -> dict[str, Any]:
        amount_msat = self._amount(scanned, amount_sat)
        invoice = self._invoice(amount_msat, offer.description)
        entry = self._remember("received", "withdraw", offer.host, offer.description, amount_msat, invoice, "waiting")
        with self._sandbox.hub.listening(("invoice", invoice.payment_hash)) as settled:
            try:
                await withdraw_ask(offer, invoice.bolt11)
            except PhoneRefused as error:
                self._sandbox.store.run(
                    "UPDATE phone_entries SET state = 'refused', reason = ? WHERE id = ?", str(error), entry
                )
                raise
            with contextlib.suppress(TimeoutError):  # the history goes on waiting
                await asyncio.wait_for(settled.get(), wait_s)
        return self.entry(entry)

    def invoice(self, *, amount_sat: int | None, memo: str, life_s: int = PHONE_INVOICE_LIFE_S) -> dict[str, Any]:
        """An invoice of the phone's own node, to be pasted somewhere."""
        amount_msat = amount_sat * MSAT if amount_sat else None
        invoice = self._invoice(amount_msat, memo, life_s)
        entry = self._remember("received", "invoice", "", memo, amount_msat, invoice, "waiting")
        return self.entry(entry)

    def _invoice(self, amount_msat: int | None, memo: str, life_s: int = PHONE_INVOICE_LIFE_S) -> Invoice:
        return self._sandbox.invoice_create(wallet_id=self.wallet.id, amount_msat=amount_msat, memo=memo, life_s=life_s)

    def _remember(
        self, direction: str, kind: str, whom: str, memo: str, amount_msat: int | None, invoice: Invoice, state: str
    ) -> int:
        return self._sandbox.store.insert(
            "phone_entries",
            direction=direction,
            kind=kind,
            whom=whom,
            memo=memo,
            amount_msat=amount_msat,
            payment_hash=invoice.payment_hash,
            bolt11=invoice.bolt11,
            state=state,
            created_at=self._sandbox.now(),
        )

    def history(self, *, limit: int = 200) -> list[dict[str, Any]]:
        """What was sent and received, newest first."""
        rows = self._sandbox.store.all("SELECT id FROM phone_entries ORDER BY id DESC LIMIT ?", limit)
        return [self.entry(row["id"]) for row in rows]

    def entry(self, entry_id: int) -> dict[str, Any]:
        row = self._sandbox.store.one("SELECT * FROM phone_entries WHERE id = ?", entry_id)
        assert row is not None
        invoice = self._sandbox.ledger.invoice_by_hash(row["payment_hash"])
        assert invoice is not None
        state = row["state"]
        ours = row["direction"] == "received"
        if ours and invoice.settled_at is not None:
            state = "received"
        elif state == "waiting" and invoice.state(self._sandbox.now()) is InvoiceState.EXPIRED:
            state = "expired"
        amount_msat = invoice.received_msat or row["amount_msat"]
        return {
            "id": row["id"],
            "direction": row["direction"],
            "kind": row["kind"],
            "whom": row["whom"],
            "memo": row["memo"],
            "amount_sat": amount_msat // MSAT if amount_msat else None,
            "payment_hash": row["payment_hash"],
            "preimage": invoice.preimage if invoice.settled_at is not None else None,
            "bolt11": row["bolt11"],
            "state": state,
            "reason": row["reason"],
            "created_at": row["created_at"],
            "settled_at": invoice.settled_at,
        }
