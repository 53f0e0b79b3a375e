"""What the doctor finds about wallets, clock and rates."""

from __future__ import annotations

import pytest

from flashpay.stores.checkup import checkup
from flashpay.stores.models import Store
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def found() -> dict[str, tuple[bool, str]]:
    return {finding.name: (finding.well, finding.words) for finding in checkup()}


def test_a_healthy_deployment(connected_store: Store, flash: SandboxServer) -> None:
    findings = found()
    assert all(well for well, _ in findings.values())
    assert "63,500.00 USD" in findings["rate"][1]
    assert findings["rates of flash"] == (True, "answers")
    assert f"wallet of {connected_store.name}" in findings


def test_a_wallet_whose_check_failed(connected_store: Store, flash: SandboxServer) -> None:
    connected_store.wallet_connections.update(last_error="Flash does not accept this API key any more.")
    well, words = found()[f"wallet of {connected_store.name}"]
    assert (well, words) == (False, "Flash does not accept this API key any more.")


def test_no_rate_and_no_clock(flash: SandboxServer) -> None:
    flash.switch(price_outage=True)
    findings = found()
    assert (findings["clock"][0], findings["rate"][0]) == (False, False)
