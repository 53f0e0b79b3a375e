"""`manage.py up`: all of FlashPay on one machine, in the foreground."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from flashpay.supervisor import preflight
from flashpay.supervisor.up import Up

_NAME_WIDTH = 9


class Command(BaseCommand):
    help = "Run all of FlashPay on this machine: web, live events, worker, beat, listener, Valkey and the sandbox."
    requires_system_checks = []  # the database may not be there yet; migrate runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--verbose", action="store_true", help="show what every program says")

    def handle(self, *args: Any, verbose: bool = False, **options: Any) -> None:
        with preflight.folder_claim(settings.DATA_DIR):
            preflight.ports_check(preflight.ports_wanted())
            asyncio.run(Up(say=self._say, verbose=verbose).run())

    def _say(self, name: str, text: str) -> None:
        self.stdout.write(f"{name:<{_NAME_WIDTH}}| {text}" if name else text)
        self.stdout.flush()
