from __future__ import annotations

import pytest

from flashpay import live
from flashpay.money.currencies import SAT, USD
from flashpay.money.errors import NoFreshRate
from flashpay.stores.rates import rate_get, rates_held
from tests.sandbox_server import SandboxServer


def test_inside_the_block_nobody_is_asked(sandbox: SandboxServer) -> None:
    with rates_held([USD, SAT]):
        held = rate_get(USD)
        live.connection().flushdb()
        sandbox.switch(price_outage=True)
        try:
            assert rate_get(USD) == held
        finally:
            sandbox.switch(price_outage=False)


def test_what_was_held_is_let_go_at_the_end(no_price: SandboxServer) -> None:
    with pytest.raises(NoFreshRate), rates_held([USD]):
        pytest.fail("there is no price to hold")
    with rates_held([SAT]), pytest.raises(NoFreshRate):
        rate_get(USD)
