"""How much memory each process takes, idle and after a load.

    python -m tests.bench memory

The processes are those of production (`deploy/Procfile`), the web and the worker with two children each. The load: pages,
checkouts, offers and claims by the thousand, each claim sent by the worker, and five hundred streams of live events.
Resident counts pages that a parent shares with its children in each of them; what is a process's own is beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from flashpay.stores.models import Store, User
from payouts.models import Payout, PayoutState
from tests import cast
from tests.bench.bench_live import STREAMS, WITHIN_S, Audience, codes_make, paid_one_by_one
from tests.bench.bench_lnurl import CLAIM_SAT
from tests.bench.bench_payouts import claim_path
from tests.bench.load import load
from tests.bench.measuring import family, heading, line, memory_mib, show
from tests.environment import free_port
from tests.listener.conftest import LISTENING, until
from tests.payouts.recipients import pull_payment_make
from tests.programs import Program
from tests.sandbox_server import SandboxServer

# Few claims: each costs Flash several requests, and it allows sixty a minute.
PAGES, CLAIMS = 400, 40
SENT_WITHIN_S = 240
# Generous, and far below what would hint at a leak.
MOST_GROWTH_MIB = 200


def processes(start: Callable[..., Program], folder: Path, web_port: int, live_port: int) -> dict[str, Program]:
    celery = ("-m", "celery", "--app", "flashpay")
    return {
        "web": start(
            *("-m", "gunicorn", "flashpay.wsgi", "--worker-class", "gthread", "--workers", "2", "--threads", "8"),
            *("--bind", f"127.0.0.1:{web_port}", "--access-logfile", "/dev/null"),
            ready="Booting worker",
            env={"THROTTLES": "false"},
        ),
        "live": start(
            *("-m", "uvicorn", "flashpay.asgi:live", "--host", "127.0.0.1", "--port", str(live_port)),
            "--no-access-log",
            ready="Uvicorn running on",
        ),
        "worker": start(
            *(*celery, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "INFO"),
            ready=" ready.",
        ),
        "beat": start(
            *(*celery, "beat", "--pidfile", "", "--schedule", str(folder / "beat"), "--loglevel", "INFO"),
            ready="maxinterval ->",
        ),
        "listener": start("manage.py", "listen", ready=LISTENING),
    }


@pytest.mark.django_db(transaction=True)
def test_memory(
    alice: User,
    connected_store: Store,
    sandbox: SandboxServer,
    start_program: Callable[..., Program],
    static_files: str,
    client: Client,
    tmp_path: Path,
) -> None:
    web_port, live_port = free_port(), free_port()
    running = processes(start_program, tmp_path, web_port, live_port)
    pull_payment = pull_payment_make(connected_store, 10**9)
    load(web_port, ["/healthz"] * 20, 4)
    idle = {name: memory_mib(program.pid) for name, program in running.items()}

    # A second shop, whose wallet nobody polls, has the invoices that are only looked at.
    codes = codes_make(cast.store_make(cast.user_make("charlie"), name="Charlie's kiosk"), STREAMS)
    audience = Audience(live_port, [f"invoice:{code.invoice_id}" for code in codes])
    assert audience.everybody_listens.wait(WITHIN_S)
    client.force_login(alice)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    load(web_port, [f"/stores/{connected_store.pk}/payouts"] * PAGES, 8, cookie=cookie)
    load(web_port, [f"/i/{code.invoice_id}" for code in codes], 8)
    invoices = [sandbox.phone_invoice(CLAIM_SAT)["bolt11"] for _ in range(CLAIMS)]
    load(web_port, [claim_path(pull_payment, bolt11) for bolt11 in invoices], 8)
    at_most = memory_mib(running["live"].pid)
    paid_one_by_one(codes)
    assert audience.everybody_heard.wait(WITHIN_S), len(audience.heard_at)
    until(lambda: Payout.objects.filter(state=PayoutState.COMPLETED).count() == CLAIMS, SENT_WITHIN_S)

    columns = ["processes", "idle MiB", "its own", "after MiB", "its own", "grew"]
    report = heading("Memory of the processes, idle and after a load", columns)
    for name, program in running.items():
        resident, own = memory_mib(program.pid)
        cells = [len(family(program.pid)), *idle[name], resident, own, resident - idle[name][0]]
        report.append(line(name, cells))
        assert resident - idle[name][0] < MOST_GROWTH_MIB, name
    report.append(f"  live with {STREAMS} streams open: {at_most[0]:.0f} MiB")
    show(report)
