"""A Flash wallet as the rest of FlashPay sees it: typed operations, errors that say whether money moved."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flashpay.flash import operations, readings
from flashpay.flash.answers import Answer, payload_troubles
from flashpay.flash.batches import statuses_ask
from flashpay.flash.budgets import Budgets
from flashpay.flash.carriers import Carrier, TransportFacts, TwoWays, answer_troubles
from flashpay.flash.credentials import Credential, Endpoint, SessionToken, Username
from flashpay.flash.errors import FlashError, Judgement, Outcome, SendReply, Verdict, error_for, reply_for
from flashpay.flash.http_carrier import HttpCarrier
from flashpay.flash.operations import Kind, Operation
from flashpay.flash.results import (
    Account,
    Cutover,
    InvoiceStatus,
    NewInvoice,
    Price,
    Transaction,
    TransactionDetails,
)
from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where
from flashpay.flash.verdicts import judge, judge_all, judge_repetition
from flashpay.flash.wire import wire_number

# Flash caps every invoice at one minute, whatever is asked for.
INVOICE_LIFE_MINUTES = 1
TRANSACTIONS_LIMIT = 100
# Memo, Flash schema: 639 bytes; IBEX itself documents 100 characters, and the memo goes through both.
MEMO_LIMIT_CHARACTERS = 100
_KEPT_CLIENTS = 64


class Flash:
    """One credential at one endpoint. Thread-safe; keep it, for it keeps its connections.

    Every method raises the FlashError family, except the sending ones, which answer a SendReply whatever happens
    between here and Flash. Nothing is ever repeated by itself. `carrier` replaces the way requests go; `socket`
    adds a way over the live connection, which is used for session tokens as `facts` (or trying) says.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credential: Credential,
        *,
        carrier: Carrier | None = None,
        socket: Carrier | None = None,
        facts: TransportFacts | None = None,
        budgets: Budgets | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.endpoint = endpoint
        self.credential = credential
        self._budgets = budgets
        self._two_ways: TwoWays | None = None
        self._carrier: Carrier = carrier or HttpCarrier(endpoint, credential)
        if socket is not None and isinstance(credential, SessionToken):
            self._two_ways = TwoWays(http=self._carrier, socket=socket, facts=facts, now=now)
            self._carrier = self._two_ways

    def __repr__(self) -> str:
        return f"Flash({self.endpoint.api_url}, {self.credential})"

    @classmethod
    def open(
        cls,
        endpoint: Endpoint,
        credential: Credential,
        *,
        socket: Carrier | None = None,
        facts: TransportFacts | None = None,
        budgets: Budgets | None = None,
    ) -> Flash:
        """The kept client of this process for (endpoint, credential); made as told when there is none yet.

        What a kept client has learned about the ways is newer than any `facts` handed in, so they are not replaced.
        """
        # A forked child must not share its parent's connections, so the process is part of the key.
        key = (os.getpid(), endpoint, credential)
        with _kept_lock:
            client = _kept.get(key) or cls(endpoint, credential, socket=socket, facts=facts, budgets=budgets)
            _kept[key] = client
            _kept.move_to_end(key)
            while len(_kept) > _KEPT_CLIENTS:
                _kept.popitem(last=False)  # a thread may still be using it; it closes when nobody holds it
            return client

    @property
    def transport_facts(self) -> TransportFacts | None:
        """What has been learned about the way of mutations, to be stored and handed in as `facts` next time."""
        return self._two_ways.facts if self._two_ways else None

    # --- Account and service ------------------------------------------------------------------------------------

    def account(self) -> Account:
        """Username, wallets and balances. For a username only its public wallet is known, without a balance."""
        if isinstance(self.credential, Username):
            wallet = self._ask(operations.PUBLIC_WALLET, {"username": self.credential.name})
            return _read(operations.PUBLIC_WALLET, readings.public_account_read, self.credential.name, wallet)
        try:
            return _read(operations.ACCOUNT, readings.account_read, self._ask(operations.ACCOUNT, {}))
        except FlashError as error:
            if "read:wallet" not in error.judgement.message:
                raise
        me = self._ask(operations.ACCOUNT_WITHOUT_WALLETS, {})
        return _read(operations.ACCOUNT_WITHOUT_WALLETS, readings.account_read, me)

    def network(self) -> str:
        """mainnet, testnet, signet or regtest."""
        return _read(operations.GLOBALS, readings.network_read, self._ask(operations.GLOBALS, {}))

    def cutover(self) -> Cutover:
        return _read(operations.CUTOVER, readings.cutover_read, self._ask(operations.CUTOVER, {}))

    def price(self, currency: str = "USD") -> Price:
        return _read(operations.PRICE, readings.price_read, self._ask(operations.PRICE, {"currency": currency.upper()}))

    # --- Receiving ----------------------------------------------------------------------------------------------

    def invoice_create(self, *, wallet_id: str, amount_cents: Decimal, memo: str = "") -> NewInvoice:
        """A BOLT 11 of one minute for `amount_cents` (fractions allowed; 0 makes one without an amount)."""
        wallet = "walletId"
        operation = operations.INVOICE_CREATE
        if isinstance(self.credential, Username):
            wallet, operation = "recipientWalletId", operations.INVOICE_CREATE_FOR_RECIPIENT
        fields = {wallet: wallet_id, "amount": wire_number(amount_cents), "expiresIn": INVOICE_LIFE_MINUTES}
        payload = self._ask(operation, {"input": fields | _memo(memo)}, wallet_id=wallet_id)
        return _read(operation, lambda: readings.invoice_read(readings._mapping(payload.get("invoice"), "invoice")))

    def invoice_status(self, bolt11: str) -> InvoiceStatus:
        payload = self._ask(operations.INVOICE_STATUS, {"input": {"paymentRequest": bolt11}})
        return _read(operations.INVOICE_STATUS, readings.status_read, payload.get("status"))

    def invoice_statuses(self, bolt11s: Sequence[str]) -> dict[str, InvoiceStatus | FlashError]:
        """The status of up to 60 invoices in one request (a few more where some of them cannot be read).

        Every invoice asked for is a key of the result. Raises FlashError only when none could be asked.
        """
        return statuses_ask(self._execute, bolt11s)

    # --- Paying -------------------------------------------------------------------------------------------------

    def invoice_send(
        self, *, wallet_id: str, bolt11: str, idempotency_key: str, memo: str = "", repeated: bool = False
    ) -> SendReply:
        """Pay an invoice that names its amount. Never raises for anything that happens on the way or at Flash.

        `repeated` says that an earlier sending with this key is in doubt: then a refusal proves nothing about it, and
        the outcome is SUCCEEDED or UNKNOWN.
        """
        fields = {"walletId": wallet_id, "paymentRequest": bolt11, "idempotencyKey": idempotency_key}
        return self._send(operations.INVOICE_SEND, fields | _memo(memo), repeated=repeated)

    def no_amount_invoice_send(
        self, *, wallet_id: str, bolt11: str, amount_cents: Decimal, memo: str = "", repeated: bool = False
    ) -> SendReply:
        """Pay an invoice without an amount. Flash takes no idempotency key here: IBEX refuses the same BOLT 11 twice."""
        fields = {"walletId": wallet_id, "paymentRequest": bolt11, "amount": wire_number(amount_cents)}
        return self._send(operations.NO_AMOUNT_INVOICE_SEND, fields | _memo(memo), repeated=repeated)

    def fee_probe(self, *, wallet_id: str, bolt11: str) -> Decimal:
        """The expected fee in cents of the wallet (whole ones for USDT: a fee below half a cent reads 0)."""
        return self._probe(operations.FEE_PROBE, {"walletId": wallet_id, "paymentRequest": bolt11})

    def no_amount_fee_probe(self, *, wallet_id: str, bolt11: str, amount_cents: Decimal) -> Decimal:
        fields = {"walletId": wallet_id, "paymentRequest": bolt11, "amount": wire_number(amount_cents)}
        return self._probe(operations.NO_AMOUNT_FEE_PROBE, fields)

    def transactions(self, first: int = TRANSACTIONS_LIMIT) -> tuple[Transaction, ...]:
        """The newest transactions, at most 100. Not complete: see `Transaction` for what may not be concluded."""
        operation = operations.TRANSACTIONS
        me = self._ask(operation, {"first": max(1, min(first, TRANSACTIONS_LIMIT))})
        connection = (me.get("defaultAccount") or {}).get("transactions")
        return _read(operation, lambda: readings.transactions_read(readings._mapping(connection, "transactions")))

    def transaction_details(self, transaction_id: str) -> TransactionDetails:
        operation = operations.TRANSACTION_DETAILS
        payload = self._ask(operation, {"input": {"transactionId": transaction_id}})
        details = payload.get("transactionDetails")
        return _read(operation, lambda: readings.details_read(readings._mapping(details, "transactionDetails")))

    # --- How requests go ----------------------------------------------------------------------------------------

    def _execute(self, operation: Operation, variables: Mapping[str, Any], wallet_id: str = "") -> Answer:
        """One request within the budgets. Raises CarrierTrouble."""
        if self._budgets:
            wait_s = self._budgets.take(self.endpoint, self.credential, operation, wallet_id)
            if wait_s:
                raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.WAIT, retry_after_s=wait_s))
        try:
            answer = self._carrier.execute(operation, variables)
        except CarrierTrouble as trouble:
            self._heed(operation, [trouble.trouble], wallet_id)
            raise
        self._heed(operation, answer_troubles(operation, answer), wallet_id)
        return answer

    def _heed(self, operation: Operation, troubles: Sequence[Trouble], wallet_id: str) -> None:
        """Tell the budgets when Flash itself says to wait, so that no other process runs into the same wall."""
        for trouble in troubles if self._budgets else ():
            judgement = judge(operation.kind, trouble)
            if self._budgets and judgement.verdict is Verdict.WAIT and judgement.retry_after_s:
                self._budgets.blocked(self.endpoint, self.credential, judgement, wallet_id)

    def _ask(self, operation: Operation, variables: Mapping[str, Any], wallet_id: str = "") -> Mapping[str, Any]:
        """The payload of an operation that came back without an error; anything else is raised as FlashError."""
        try:
            answer = self._execute(operation, variables, wallet_id)
        except CarrierTrouble as trouble:
            raise error_for(judge(operation.kind, trouble.trouble)) from trouble
        payload = answer.field(operation.root)
        if payload is None:
            raise error_for(judge_all(operation.kind, answer_troubles(operation, answer)))
        troubles = payload_troubles(payload)
        if troubles:
            raise error_for(judge_all(operation.kind, troubles))
        return payload

    def _probe(self, operation: Operation, fields: Mapping[str, Any]) -> Decimal:
        payload = self._ask(operation, {"input": fields})
        fee = readings.decimal_read(payload.get("amount"))
        if fee is None:
            raise error_for(judge(operation.kind, Trouble(Where.TRANSPORT, Failure.UNREADABLE)))
        return fee

    def _send(self, operation: Operation, fields: Mapping[str, Any], *, repeated: bool) -> SendReply:
        try:
            answer = self._execute(operation, {"input": fields})
        except CarrierTrouble as trouble:
            judgement: Judgement | None = judge(Kind.SEND, trouble.trouble)
        else:
            judgement = _send_judge(operation, answer)
        if judgement is None:
            return SendReply(Outcome.SUCCEEDED)
        return reply_for(judge_repetition(judgement) if repeated else judgement)


def _send_judge(operation: Operation, answer: Answer) -> Judgement | None:
    """None for a payment that Flash says succeeded, and said nothing else about."""
    payload = answer.field(operation.root)
    if payload is None:
        return judge_all(Kind.SEND, answer_troubles(operation, answer))
    status, troubles = payload.get("status"), payload_troubles(payload)
    if status == "SUCCESS" and not troubles and not answer.errors:
        return None
    if status in ("FAILURE", None) and troubles:
        return judge_all(Kind.SEND, troubles)
    # The status stands alone, or errors stand beside one that they contradict: then the errors prove nothing.
    return judge(Kind.SEND, Trouble(Where.PAYLOAD, status=str(status) if status else None))


def _read(operation: Operation, reader: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return reader(*arguments)
    except readings.Unreadable as error:
        trouble = Trouble(Where.TRANSPORT, Failure.UNREADABLE, message=str(error))
        raise error_for(judge(operation.kind, trouble)) from error


def _memo(text: str) -> dict[str, str]:
    return {"memo": text[:MEMO_LIMIT_CHARACTERS]} if text else {}


_kept: OrderedDict[tuple[int, Endpoint, Credential], Flash] = OrderedDict()
_kept_lock = threading.Lock()
