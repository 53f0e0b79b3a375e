"""A worker that gets over the death of its broker, whatever it was doing just then.

Celery's own consumer hands what is not acknowledged back to the broker while it closes the lost connection, and
acknowledges a task that ends later over the same one. Kombu has forgotten by then where that connection led, which it says
with an AttributeError; Celery takes no such error for a lost connection and ends the worker ("Unrecoverable error").
"""

from __future__ import annotations

from typing import Any

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer

log = structlog.get_logger(__name__)


class Consumer(CeleryConsumer):
    """Named by CELERY_WORKER_CONSUMER."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """The connection is lost: nothing more is said over it.

        What was not acknowledged stays with the broker, which gives it out again after CELERY_BROKER_TRANSPORT_OPTIONS'
        visibility_timeout; where the broker has lost it too, a sweep finds the row. Every task may run twice.
        """
        if self.connection is not None:
            transport: Any = self.connection.transport
            for channel in transport.channels:
                channel.do_restore = False
                channel.basic_ack = channel.basic_reject = _too_late
        super().on_connection_error_after_connected(exc)


def _too_late(delivery_tag: str, *_: Any, **__: Any) -> None:
    log.info("a task ended after its broker was lost", message=delivery_tag)
