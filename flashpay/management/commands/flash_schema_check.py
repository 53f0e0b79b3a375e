"""`manage.py flash_schema_check`: holds every document that FlashPay sends against what a live Flash says of itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from flashpay.flash import Endpoint, FlashError
from flashpay.flash.schema_check import schema_check


class Command(BaseCommand):
    help = "List what differs between the GraphQL that FlashPay speaks and the schema of a live Flash service."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=settings.FLASH_API_URL, help="GraphQL address (default: FLASH_API_URL)")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        try:
            report = schema_check(Endpoint(url, ""))
        except FlashError as error:
            raise CommandError(f"{url}: {error}") from error
        for difference in report.differences:
            self.stdout.write(difference)
        if report.differences:
            raise CommandError(f"{len(report.differences)} differences in {report.documents} documents.", returncode=1)
        self.stdout.write(self.style.SUCCESS(f"{report.documents} documents, no difference."))
