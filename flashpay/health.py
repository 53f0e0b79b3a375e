"""`/healthz`: this process answers. `/readyz`: everything it needs answers too."""

from __future__ import annotations

from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from flashpay import heartbeat
from flashpay.version import VERSION

log = structlog.get_logger(__name__)

OK = "ok"


@require_safe
@login_not_required
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@login_not_required
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, migrations, Redis and the processes named in READY_REQUIRES are there; 503 with the reason else."""
    ready, report = readiness()
    response = JsonResponse(report, status=200 if ready else 503)
    # Django would log every 503 as an error; the reasons are logged where they are found.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def readiness() -> tuple[bool, dict[str, Any]]:
    """Whether all is there, and what `/readyz` says about it. Reasons are words only: no address, no secret."""
    checks = {"database": _database(), "migrations": "unknown", "redis": OK}
    if checks["database"] == OK:
        checks["migrations"] = OK if _migrated() else "not applied: run manage.py migrate"
    ages: dict[str, float | None] = dict.fromkeys(heartbeat.NAMES)
    try:
        ages = heartbeat.ages()
    except redis.RedisError as error:
        log.warning("redis does not answer", error=type(error).__name__)
        checks["redis"] = "does not answer"
    missing = [name for name in settings.READY_REQUIRES if ages.get(name) is None]
    ready = not missing and all(answer == OK for answer in checks.values())
    report = {
        "status": OK if ready else "not ready",
        "version": VERSION,
        "checks": checks,
        "heartbeat_age_s": ages,
        "missing": missing,
    }
    return ready, report


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("the database does not answer", error=type(error).__name__)
        return "does not answer"
    return OK


def _migrated() -> bool:
    if not _pending_migrations():
        return True
    # What was not applied may be soon; what is applied stays so while this process lives.
    _pending_migrations.cache_clear()
    return False


@cache
def _pending_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
