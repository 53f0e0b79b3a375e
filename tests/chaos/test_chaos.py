"""A small run of the violence in the suite: every kind of claim, fault and blow, and both exact moments."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashpay.stores.models import User
from tests.chaos.gates import GATES
from tests.chaos.plan import Plan
from tests.chaos.run import chaos
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SMALL = Plan(count=60, seed=20_261_122, claims_s=25, drain_s=75, blow_every_s=2.0, exact_kills=1)


def test_nothing_is_paid_twice_or_lost_while_everything_breaks(
    alice: User, sandbox: SandboxServer, static_files: str, tmp_path: Path
) -> None:
    told: list[str] = []
    verdict = chaos(SMALL, owner=alice, sandbox=sandbox, folder=tmp_path, static_root=static_files, say=told.append)
    assert not verdict.broken, f"{verdict.table()}\nlogs in {tmp_path}"
    assert verdict.states["Completed"] >= SMALL.count // 3, verdict.table()
    assert verdict.injected
    assert {gate.name for gate in GATES} <= set(verdict.blows), verdict.table()
