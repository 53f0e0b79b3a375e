"""Whether an invoice may be paid here and now (LNURL facts: W6, P7)."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from flashpay.lightning import EXPIRY_MARGIN_S, InvalidInvoice, invoice_check, invoice_read, preimage_matches
from tests.lightning.invoices import CREATED, invoice_make

NOW = datetime.fromtimestamp(CREATED, UTC)


def test_it_lets_a_fresh_invoice_of_the_right_amount_and_network_pass() -> None:
    invoice = invoice_read(invoice_make("25u"))
    invoice_check(invoice, network="mainnet", now=NOW)
    invoice_check(invoice, network="mainnet", now=NOW, amount_msat=2_500_000)


def test_it_refuses_another_network_and_names_both() -> None:
    with pytest.raises(InvalidInvoice) as caught:
        invoice_check(invoice_read(invoice_make(network="tb")), network="mainnet", now=NOW)
    assert caught.value.code == "network"
    assert "Bitcoin test network" in caught.value.sentence
    assert "Bitcoin main network" in caught.value.sentence


def test_it_refuses_an_expired_invoice_at_the_very_second() -> None:
    invoice = invoice_read(invoice_make(expiry_s=60))
    with pytest.raises(InvalidInvoice) as caught:
        invoice_check(invoice, network="mainnet", now=NOW + timedelta(seconds=60), margin_s=0)
    assert caught.value.code == "expired"
    invoice_check(invoice, network="mainnet", now=NOW + timedelta(seconds=59), margin_s=0)


def test_it_refuses_an_invoice_with_too_little_life_left() -> None:
    invoice = invoice_read(invoice_make(expiry_s=60))
    invoice_check(invoice, network="mainnet", now=NOW + timedelta(seconds=60 - EXPIRY_MARGIN_S))
    with pytest.raises(InvalidInvoice) as caught:
        invoice_check(invoice, network="mainnet", now=NOW + timedelta(seconds=61 - EXPIRY_MARGIN_S))
    assert caught.value.code == "expires_too_soon"


@pytest.mark.parametrize("wrong", [2_499_999, 2_500_001, 0, 1])
def test_it_refuses_an_amount_that_is_one_millisatoshi_off(wrong: int) -> None:
    with pytest.raises(InvalidInvoice) as caught:
        invoice_check(invoice_read(invoice_make("25u")), network="mainnet", now=NOW, amount_msat=wrong)
    assert caught.value.code == "amount"
    assert "2,500 sat" in caught.value.sentence


def test_it_takes_an_invoice_without_amount_only_when_the_caller_names_one() -> None:
    invoice = invoice_read(invoice_make(""))
    for amount_msat in (None, 2_500_000):
        with pytest.raises(InvalidInvoice) as caught:
            invoice_check(invoice, network="mainnet", now=NOW, amount_msat=amount_msat)
        assert caught.value.code == "amountless"
    invoice_check(invoice, network="mainnet", now=NOW, amount_msat=2_500_000, allow_amountless=True)


def test_it_refuses_to_lock_money_for_weeks() -> None:
    invoice_check(invoice_read(invoice_make(cltv=2016)), network="mainnet", now=NOW)
    with pytest.raises(InvalidInvoice) as caught:
        invoice_check(invoice_read(invoice_make(cltv=2017)), network="mainnet", now=NOW)
    assert caught.value.code == "cltv"


def test_a_preimage_proves_its_own_hash_and_nothing_else() -> None:
    preimage = bytes(range(32))
    payment_hash = hashlib.sha256(preimage).hexdigest()
    assert preimage_matches(preimage.hex(), payment_hash)
    assert preimage_matches(preimage.hex().upper(), payment_hash.upper())
    assert not preimage_matches(payment_hash, payment_hash)
    assert not preimage_matches("00" * 32, payment_hash)


@pytest.mark.parametrize("garbage", ["", "zz" * 32, "00" * 31, "00" * 33, " " + "00" * 32, "٠" * 64, "00" * 32 + "\n"])
def test_what_is_no_preimage_proves_nothing(garbage: str) -> None:
    assert not preimage_matches(garbage, "00" * 32)
    assert not preimage_matches("00" * 32, garbage)
