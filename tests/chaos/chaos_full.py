"""The whole violence, as `python -m tests.chaos` runs it; not collected by the suite."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from flashpay.stores.models import User
from tests.chaos.plan import Plan
from tests.chaos.run import chaos
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def test_chaos(alice: User, sandbox: SandboxServer, static_files: str, tmp_path: Path) -> None:
    plan = Plan(
        count=int(os.environ["CHAOS_COUNT"]),
        seed=int(os.environ["CHAOS_SEED"]),
        claims_s=float(os.environ["CHAOS_DURATION"]) * 0.6,
        drain_s=float(os.environ["CHAOS_DURATION"]) * 0.4,
        feed_rows=int(os.environ["CHAOS_FEED_ROWS"]),
        faulty_share=int(os.environ["CHAOS_FAULTY"]) / 100,
    )
    verdict = chaos(plan, owner=alice, sandbox=sandbox, folder=tmp_path, static_root=static_files, say=say)
    say(f"\nSeed {plan.seed}, logs of the processes in {tmp_path}\n\n{verdict.table()}")
    (tmp_path / "blows.txt").write_text("\n".join(verdict.diary))
    (tmp_path / "in_flight.txt").write_text("\n".join(verdict.dossiers))
    assert not verdict.broken


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
