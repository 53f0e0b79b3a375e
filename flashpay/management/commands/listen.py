"""`manage.py listen`: hear from Flash at once what was paid."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from flashpay.invoices.listener import Listener


class Command(BaseCommand):
    help = "Keeps the live connections to Flash. Start as many as you like: one is active, the others stand by."
    # The checks are of pages and forms, which are served elsewhere; migrations are `up`'s and the deployment's business.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._listen())

    async def _listen(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        await Listener(redis_url=settings.REDIS_URL, say=self._say).run()

    def _say(self, line: str) -> None:
        self.stdout.write(f"listener: {line}")
        self.stdout.flush()
