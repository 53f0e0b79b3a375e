"""Hands news from the ledger to whoever is subscribed at that moment; nothing is kept for later, as at Flash."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flashpay.sandbox.ledger import Invoice
from flashpay.sandbox.switches import Switches

Topic = tuple[str, str]  # ("invoice", payment hash) or ("account", account id)


class Hub:
    def __init__(self, switches: Switches, account_of_wallet: Callable[[str], str | None]) -> None:
        self._switches = switches
        self._account_of_wallet = account_of_wallet
        self._listeners: dict[Topic, set[asyncio.Queue[Any]]] = {}
        self._settled = 0

    @contextmanager
    def listening(self, topic: Topic) -> Iterator[asyncio.Queue[Any]]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._listeners.setdefault(topic, set()).add(queue)
        try:
            yield queue
        finally:
            self._listeners[topic].discard(queue)
            if not self._listeners[topic]:
                del self._listeners[topic]

    def invoice_settled(self, invoice: Invoice) -> None:
        """Flash's webhook from its provider: may be lost, late or doubled by switch."""
        account_id = self._account_of_wallet(invoice.wallet_id)
        if account_id is None:  # the phone's own invoice: its node tells it at once
            self.publish(("invoice", invoice.payment_hash), "PAID")
            return
        self._settled += 1
        every = self._switches.take("lose_push_every")
        if every and self._settled % every == 0:
            return
        for _ in range(2 if self._switches.take("push_twice") else 1):
            delay_s = self._switches.take("push_delay_s")
            if delay_s:
                asyncio.get_running_loop().call_later(delay_s, self._tell, invoice, account_id)
            else:
                self._tell(invoice, account_id)

    def _tell(self, invoice: Invoice, account_id: str) -> None:
        self.publish(("invoice", invoice.payment_hash), "PAID")
        self.publish(("account", account_id), invoice)

    def publish(self, topic: Topic, news: Any) -> None:
        for queue in self._listeners.get(topic, set()):
            queue.put_nowait(news)
