"""One worker at a time has a payout: a short lease, renewed while the worker lives.

A lease saves requests; it protects no money. A worker that dies stops renewing, and within LEASE another one takes its
payout up. A worker that was only asleep wakes up beside the other, and even then nothing is paid twice: an attempt's first
request leaves in one conditional step (prepared → sent), every further request is the same BOLT 11 under the same key, a
refusal counts only while nobody has repeated the request (sent → failed), and one payout has one open attempt.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection
from django.db.models import Q

from payouts.models import Payout

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=8)
# Three renewals may fail before the lease is lost.
RENEW_EVERY_S = 2.0


@contextmanager
def payout_leased(*, payout_id: str, state: str, now: datetime, due_only: bool = True) -> Iterator[Payout | None]:
    """Have a payout in `state` for this worker alone while the block runs; None when it is not due or somebody has it."""
    token = secrets.token_hex(16)
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    wanted = Payout.objects.filter(free, pk=payout_id, state=state)
    if due_only:
        wanted = wanted.filter(due_at__lte=now)
    if not wanted.update(leased_until=now + LEASE, leased_by=token):
        yield None
        return
    keeper = _Keeper(payout_id, token, now)
    keeper.start()
    try:
        # A lease keeps other workers away, not people: somebody may have cancelled it between the two statements.
        yield Payout.objects.select_related("store", "pull_payment").filter(pk=payout_id, state=state).first()
    finally:
        keeper.stop()
        Payout.objects.filter(pk=payout_id, leased_by=token).update(leased_until=None, leased_by="")


class _Keeper(threading.Thread):
    """Renews one lease until it is stopped; a process that dies takes it along."""

    def __init__(self, payout_id: str, token: str, now: datetime) -> None:
        super().__init__(name=f"lease {payout_id}", daemon=True)
        self._payout_id, self._token = payout_id, token
        self._now, self._since = now, time.monotonic()
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()
        # Not for ever: a renewal may be waiting for a lock of the very transaction that ends here.
        self.join(1.0)

    def run(self) -> None:
        try:
            while not self._over.wait(RENEW_EVERY_S):
                self._renew()
        finally:
            connection.close()  # each thread has one of its own, and only if it got as far as a renewal

    def _renew(self) -> None:
        now = self._now + timedelta(seconds=time.monotonic() - self._since)
        try:
            mine = Payout.objects.filter(pk=self._payout_id, leased_by=self._token)
            if not mine.update(leased_until=now + LEASE):
                self._over.set()
        except DatabaseError as error:
            # The lease may lapse now, which costs a request and no money.
            log.warning("a lease was not renewed", payout=self._payout_id, error=type(error).__name__)
            connection.close()
