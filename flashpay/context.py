"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from flashpay.version import VERSION


def site(request: HttpRequest) -> dict[str, Any]:
    return {"flashpay_version": VERSION, "sandbox": settings.SANDBOX, "sandbox_url": settings.SANDBOX_URL}
