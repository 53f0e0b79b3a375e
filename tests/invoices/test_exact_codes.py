"""Codes over exactly the sats that were asked for, although Flash is asked in cents and has a rate of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from flashpay import lightning
from flashpay.invoices.models import Invoice, LightningInvoice, Purpose
from flashpay.invoices.services import invoice_create, lightning_invoice_issue
from flashpay.money.currencies import SAT, USD
from flashpay.refusals import Refusal
from flashpay.stores.models import PaymentHash, Store
from flashpay.stores.wallets import budgets, credential_of, endpoint_of, wallet_of
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

# What an exchange may add: nothing, a little, much, and less than the quote.
SPREADS_PPM = [0, 1, 700, 20_000, 45_000]
AMOUNTS_SAT = [1, 21, 999, 21_000, 2_000_001]


@pytest.fixture
def spread(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    yield sandbox
    sandbox.switch(fx_spread_ppm=0)


def top_up(store: Store) -> Invoice:
    return invoice_create(store=store, amount=None, currency=SAT, actor="alice")


def exactly(invoice: Invoice, sat: int) -> LightningInvoice:
    return lightning_invoice_issue(invoice=invoice, purpose=Purpose.LNURL_PAY, amount_msat=sat * 1000, exact=True)


def codes_used(store: Store) -> int:
    wallet = wallet_of(store)
    left = budgets().left(endpoint_of(wallet), credential_of(wallet), wallet.wallet_id)
    return next(bucket.size - bucket.left for bucket in left if bucket.name == "invoices")


@pytest.mark.parametrize("ppm", SPREADS_PPM)
def test_every_amount_comes_out_to_the_sat_whatever_flash_adds(
    connected_store: Store, spread: SandboxServer, ppm: int
) -> None:
    spread.switch(fx_spread_ppm=ppm)
    for sat in AMOUNTS_SAT:
        code = exactly(top_up(connected_store), sat)
        assert lightning.invoice_read(code.bolt11).amount_msat == code.amount_msat == sat * 1000


def test_it_asks_again_once_and_knows_the_rate_from_then_on(connected_store: Store, spread: SandboxServer) -> None:
    spread.switch(fx_spread_ppm=20_000)
    exactly(top_up(connected_store), 21_000)
    assert codes_used(connected_store) == 2
    exactly(top_up(connected_store), 50_000)
    assert codes_used(connected_store) == 3


def test_it_forgets_the_rate_after_some_minutes(connected_store: Store, spread: SandboxServer) -> None:
    spread.switch(fx_spread_ppm=20_000)
    exactly(top_up(connected_store), 21_000)
    LightningInvoice.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    exactly(top_up(connected_store), 21_000)
    assert codes_used(connected_store) == 4


def test_a_dollar_code_teaches_the_rate_too(connected_store: Store, spread: SandboxServer) -> None:
    spread.switch(fx_spread_ppm=20_000)
    dollars = invoice_create(store=connected_store, amount=1_000, currency=USD, actor="alice")
    lightning_invoice_issue(invoice=dollars)
    exactly(top_up(connected_store), 5_000)
    assert codes_used(connected_store) == 2


def test_a_rate_that_runs_away_ends_in_a_clear_refusal_and_nothing_is_kept(
    connected_store: Store, spread: SandboxServer
) -> None:
    for ppm in (10_000, 20_000, 30_000):  # each answer at another rate than the one before
        spread.switch(fx_spread_ppm={"value": ppm, "next": 1})
    with pytest.raises(Refusal) as refusal:
        exactly(top_up(connected_store), 2_000_000)
    assert refusal.value.code == "amount-not-exact"
    assert "Nothing was paid" in refusal.value.sentence
    assert codes_used(connected_store) == 3
    assert not LightningInvoice.objects.exists()
    assert not PaymentHash.objects.exists()


def test_a_code_on_a_page_is_as_close_as_a_second_try_comes(connected_store: Store, spread: SandboxServer) -> None:
    spread.switch(fx_spread_ppm=20_000)
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor="alice")
    code = lightning_invoice_issue(invoice=invoice)
    assert code.amount_msat == 21_000_000
    assert codes_used(connected_store) == 2


def test_a_rate_far_from_every_quote_is_refused(connected_store: Store, spread: SandboxServer) -> None:
    spread.switch(fx_spread_ppm=80_000)
    with pytest.raises(Refusal, match="far from the known rate"):
        exactly(top_up(connected_store), 21_000)
    assert not LightningInvoice.objects.exists()
