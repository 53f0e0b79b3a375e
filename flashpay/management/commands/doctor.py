"""`manage.py doctor`: what is configured, and whether everything answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from flashpay import flash, health
from flashpay.stores.checkup import checkup
from flashpay.version import VERSION


class Command(BaseCommand):
    help = "Show the configuration in force and whether database, Redis, processes and Flash answer. Changes nothing."
    requires_system_checks = []  # they are part of what it shows

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"FlashPay {VERSION}\n\nConfiguration")
        for name, value in _configuration():
            self.stdout.write(f"  {name:<26}{value}")
        self.stdout.write("\nIs it well?")
        ill = self._findings()
        if ill:
            raise CommandError(f"{ill} of these need attention.")
        self.stdout.write("\nAll is well.")

    def _findings(self) -> int:
        ill = 0
        _, report = health.readiness()
        for name, answer in report["checks"].items():
            ill += self._finding(name, answer == health.OK, answer)
        for name, age in report["heartbeat_age_s"].items():
            ill += self._finding(name, age is not None, "no sign of life" if age is None else f"{age} s ago")
        ill += self._finding("Flash", *_flash_answer())
        if report["checks"]["migrations"] == health.OK:
            for finding in checkup():
                ill += self._finding(finding.name, finding.well, finding.words)
        for message in checks.run_checks():
            ill += self._finding("settings", False, f"{message.msg} {message.hint or ''} ({message.id})")
        return ill

    def _finding(self, name: str, well: bool, words: str) -> int:
        mark: Callable[[str], str] = self.style.SUCCESS if well else self.style.ERROR
        self.stdout.write(f"  {mark('ok ' if well else '-- ')} {name:<22}{words}")
        return int(not well)


def _configuration() -> Iterator[tuple[str, str]]:
    yield "PUBLIC_URL", settings.PUBLIC_URL
    yield "ALLOWED_HOSTS", ", ".join(settings.ALLOWED_HOSTS)
    yield "TRUSTED_PROXIES", ", ".join(settings.TRUSTED_PROXIES) or "nobody"
    yield "DATA_DIR", str(settings.DATA_DIR)
    yield "database", f"{connection.display_name}, {settings.DATABASES['default']['NAME']}"
    yield "Redis", without_password(settings.REDIS_URL) + (" (embedded Valkey)" if settings.EMBEDDED_VALKEY else "")
    yield "Flash", f"{settings.FLASH_API_URL or 'none'}{' (sandbox)' if settings.SANDBOX else ''}"
    yield "Flash's WebSocket", settings.FLASH_WS_URL or "none"
    yield "FLASH_MINIMUM_SAT", str(settings.FLASH_MINIMUM_SAT)
    yield "encryption keys", str(len(settings.FIELD_ENCRYPTION_KEYS))
    yield "DEBUG", str(settings.DEBUG)


def without_password(url: str) -> str:
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc="…@" + parts.netloc.rpartition("@")[2]).geturl()


def _flash_answer() -> tuple[bool, str]:
    """Whether Flash answers a question that needs no credential, and in what words that is told."""
    if not settings.FLASH_API_URL:
        return False, "no FLASH_API_URL is set"
    endpoint = flash.Endpoint(settings.FLASH_API_URL, settings.FLASH_WS_URL)
    started = time.monotonic()
    try:
        network = flash.Flash(endpoint, flash.Username("")).network()
    except flash.FlashError as error:
        return False, str(error)
    return True, f"{network}, answered in {1000 * (time.monotonic() - started):.0f} ms"
