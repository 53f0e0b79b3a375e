"""BOLT 11: what is read, and what is refused."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bolt11
import pytest
from bech32 import bech32_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from flashpay.lightning import MAX_LENGTH, InvalidInvoice, LightningInvoice, invoice_read
from tests.lightning.invoices import (
    CREATED,
    EXAMPLE_PAYEE,
    HASH,
    SECRET,
    feature_groups,
    groups,
    invoice_make,
    invoice_sign,
    number_groups,
    plain_fields,
)

VECTORS = json.loads((Path(__file__).parent / "bolt11-vectors.json").read_text())
VALID = [vector["pr"] for vector in VECTORS if vector["valid"]]
INVALID = [vector["pr"] for vector in VECTORS if not vector["valid"]]


def refusal(text: str) -> str:
    with pytest.raises(InvalidInvoice) as caught:
        invoice_read(text)
    assert "Nothing was sent" in caught.value.sentence
    return caught.value.code


def test_all_official_examples_are_here() -> None:
    assert (len(VALID), len(INVALID)) == (15, 10)


@pytest.mark.parametrize("pr", VALID)
def test_it_reads_every_valid_official_example(pr: str) -> None:
    invoice = invoice_read(pr)
    assert invoice.bolt11 == pr.lower()
    theirs = bolt11.decode(pr)
    assert invoice.payee == theirs.payee
    assert invoice.payment_hash == theirs.payment_hash
    assert invoice.amount_msat == theirs.amount_msat
    assert invoice.created_at.timestamp() == theirs.date
    assert invoice.expires_at - invoice.created_at == timedelta(seconds=theirs.expiry or 3600)
    assert invoice.description_hash == theirs.description_hash


@pytest.mark.parametrize(
    ("pr", "code"),
    [
        (INVALID[0], "feature"),
        (INVALID[1], "checksum"),
        (INVALID[2], "not_an_invoice"),
        (INVALID[3], "mixed_case"),
        (INVALID[4], "signature"),
        (INVALID[5], "malformed"),
        (INVALID[6], "malformed"),
        (INVALID[7], "amount_syntax"),
        (INVALID[8], "malformed"),
        (INVALID[9], "ambiguous"),  # the example for a high S value holds `s` twice; high S has its own test below
    ],
)
def test_it_refuses_every_invalid_official_example(pr: str, code: str) -> None:
    assert refusal(pr) == code


def test_it_reads_the_fields_of_the_coffee_example() -> None:
    assert invoice_read(VALID[1]) == LightningInvoice(
        bolt11=VALID[1],
        payment_hash="0001020304050607080900010203040506070809000102030405060708090102",
        amount_msat=250_000_000,
        network="mainnet",
        created_at=datetime(2017, 6, 1, 10, 57, 38, tzinfo=UTC),
        expires_at=datetime(2017, 6, 1, 10, 58, 38, tzinfo=UTC),
        description="1 cup coffee",
        description_hash=None,
        payee=EXAMPLE_PAYEE,
        min_final_cltv=18,
        features=frozenset({8, 14}),
    )


@pytest.mark.parametrize(
    ("amount", "msat"),
    [
        ("", None),
        ("1", 100_000_000_000),
        ("20m", 2_000_000_000),
        ("25u", 2_500_000),
        ("1n", 100),
        ("10p", 1),
        ("9678785340p", 967_878_534),
    ],
)
def test_it_reads_amounts_to_the_millisatoshi(amount: str, msat: int | None) -> None:
    assert invoice_read(invoice_make(amount)).amount_msat == msat


@pytest.mark.parametrize("amount", ["0u", "01u", "-5u", "1.5m", "20m-", "u", "5x", "2500u2500u"])
def test_it_refuses_amounts_that_are_not_plain_positive_numbers(amount: str) -> None:
    assert refusal(invoice_make(amount)) == "malformed"


@pytest.mark.parametrize("amount", ["1p", "25000001p", "21000001", "999999999999999999"])
def test_it_refuses_amounts_below_a_millisatoshi_or_beyond_all_bitcoin(amount: str) -> None:
    assert refusal(invoice_make(amount)) == "amount_syntax"


@pytest.mark.parametrize(
    ("prefix", "network"), [("bc", "mainnet"), ("tb", "testnet"), ("tbs", "signet"), ("bcrt", "regtest")]
)
def test_it_knows_the_network_by_the_longest_prefix(prefix: str, network: str) -> None:
    assert invoice_read(invoice_make(network=prefix)).network == network
    assert invoice_read(invoice_make("", network=prefix)).network == network


@pytest.mark.parametrize("prefix", ["ltc", "sb", "bcr", "b", ""])
def test_it_refuses_unknown_networks(prefix: str) -> None:
    assert refusal(invoice_make(network=prefix)) in {"not_an_invoice", "malformed"}


def test_it_takes_upper_case_prefixes_and_white_space() -> None:
    pr = invoice_make()
    for text in (pr.upper(), f"lightning:{pr}", f"LIGHTNING:{pr.upper()}", f"lightning://{pr}", f" \n{pr}\t"):
        assert invoice_read(text).bolt11 == pr


def test_it_refuses_mixed_case_and_letters_that_only_lower_case_makes_latin() -> None:
    pr = invoice_make()
    assert refusal("L" + pr[1:]) == "mixed_case"
    assert refusal(pr[:-1] + pr[-1].upper() if pr[-1].isalpha() else pr[:20] + pr[20:].upper()) == "mixed_case"
    assert refusal("LNBC" + "\u212a" * 200) == "not_an_invoice"  # the Kelvin sign, which lower() turns into k


def test_it_refuses_an_invoice_without_payment_hash_secret_or_description() -> None:
    for missing in "psd":
        fields = [field for field in plain_fields() if field[0] != missing]
        assert refusal(invoice_sign("lnbc25u", fields)) == "malformed"


def test_it_refuses_both_a_description_and_a_description_hash() -> None:
    assert refusal(invoice_sign("lnbc25u", [*plain_fields(), ("h", groups(HASH))])) == "malformed"


@pytest.mark.parametrize(
    "twice", [("p", groups(SECRET)), ("s", groups(HASH)), ("d", groups(b"tea")), ("x", [31]), ("c", [9])]
)
def test_it_refuses_a_field_that_stands_twice(twice: tuple[str, list[int]]) -> None:
    assert refusal(invoice_sign("lnbc25u", [*plain_fields(expiry_s=60), twice])) == "ambiguous"


def test_it_skips_fields_of_another_length_and_unknown_fields() -> None:
    odd = [("p", [0] * 51), ("s", [0] * 53), ("n", [0] * 52), ("h", [0] * 51), ("2", [1, 2, 3]), ("f", [19]), ("r", [])]
    assert invoice_read(invoice_sign("lnbc25u", [*odd, *plain_fields()])).payment_hash == HASH.hex()


def test_it_refuses_fields_that_run_past_the_end() -> None:
    pr = invoice_sign("lnbc25u", plain_fields())
    cut = invoice_sign("lnbc25u", [("d", groups(b"x" * 40))])
    assert invoice_read(pr)
    assert refusal(cut) == "malformed"
    assert refusal(bech32_encode("lnbc25u", [0] * 7 + [1, 31, 31] + [0] * 110)) == "malformed"
    assert refusal(bech32_encode("lnbc25u", [0] * 7 + [1, 1] + [0] * 104)) == "malformed"


@pytest.mark.parametrize("bit", [0, 2, 10, 30, 56, 100, 4998])
def test_it_refuses_unknown_even_features(bit: int) -> None:
    fields = [field for field in plain_fields() if field[0] != "9"]
    assert refusal(invoice_sign("lnbc25u", [*fields, ("9", feature_groups(8, 14, bit))])) == "feature"


def test_it_ignores_unknown_odd_features() -> None:
    fields = [field for field in plain_fields() if field[0] != "9"]
    invoice = invoice_read(invoice_sign("lnbc25u", [*fields, ("9", feature_groups(8, 14, 48, 99, 4999))]))
    assert invoice.features == {8, 14, 48, 99, 4999}


def test_it_checks_the_signature_against_a_named_payee() -> None:
    named = invoice_sign("lnbc25u", [*plain_fields(), ("n", groups(bytes.fromhex(EXAMPLE_PAYEE)))])
    assert invoice_read(named).payee == EXAMPLE_PAYEE
    for stranger in (bytes([2]) + b"\x01" * 32, bytes(33), bytes([7]) * 33):
        assert refusal(invoice_sign("lnbc25u", [*plain_fields(), ("n", groups(stranger))])) == "signature"


def test_it_refuses_a_high_s_signature_only_where_the_payee_is_named() -> None:
    recovered = invoice_read(invoice_sign("lnbc25u", plain_fields(), high_s=True))
    assert recovered.payee == EXAMPLE_PAYEE
    named = [*plain_fields(), ("n", groups(bytes.fromhex(EXAMPLE_PAYEE)))]
    assert refusal(invoice_sign("lnbc25u", named, high_s=True)) == "signature"


@pytest.mark.parametrize("recovery_id", [4, 27, 255])
def test_it_refuses_impossible_recovery_ids(recovery_id: int) -> None:
    assert refusal(invoice_sign("lnbc25u", plain_fields(), recovery_id=recovery_id)) == "signature"


def test_it_applies_the_defaults_and_bounds_of_expiry_and_cltv() -> None:
    plain = invoice_read(invoice_make(expiry_s=None, cltv=None))
    assert plain.expires_at - plain.created_at == timedelta(hours=1)
    assert plain.min_final_cltv == 18
    for_ever = invoice_read(invoice_sign("lnbc25u", [*plain_fields(), ("x", [31] * 13)]))
    assert for_ever.expires_at == datetime(9999, 1, 1, tzinfo=UTC)
    assert invoice_read(invoice_make(created=2**35 - 1)).created_at.year == 3058
    assert refusal(invoice_sign("lnbc25u", [*plain_fields(), ("x", [1] * 14)])) == "malformed"
    padded = invoice_sign("lnbc25u", [*plain_fields(), ("x", [0, 0, *number_groups(90)])])
    assert invoice_read(padded).expires_at == datetime.fromtimestamp(CREATED + 90, UTC)


def test_it_cleans_descriptions_of_what_no_database_or_page_wants() -> None:
    fields = [field for field in plain_fields() if field[0] != "d"]
    raw = "café\x00\x1b[31m\u202e".encode() + b"\xf0\x9f"  # an emoji cut in half by a wallet
    assert invoice_read(invoice_sign("lnbc25u", [*fields, ("d", groups(raw))])).description == "café  [31m �"
    empty = invoice_read(invoice_sign("lnbc25u", [*fields, ("d", [])]))
    assert empty.description == ""


def test_it_refuses_what_is_too_long_before_any_work() -> None:
    # Ten million characters: decoding them would take minutes.
    assert refusal("lnbc1" + "q" * 10_000_000) == "too_long"
    assert refusal("lnbc1" + "q" * (MAX_LENGTH - 4)) == "too_long"


@pytest.mark.parametrize("text", ["", "   ", "lightning:", "lightning://"])
def test_it_says_when_there_is_nothing(text: str) -> None:
    assert refusal(text) == "empty"


def test_it_reads_an_invoice_of_nearly_full_length() -> None:
    routes = [("r", [7] * 1000)] * 6
    longest = invoice_sign("lnbc25u", [*plain_fields(description="x" * 300), *routes])
    assert 6500 < len(longest) <= MAX_LENGTH
    assert invoice_read(longest).description == "x" * 300


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "lnbc1" + text, "lightning:" + text):
        with suppress(InvalidInvoice):
            invoice_read(candidate)


@settings(max_examples=300, deadline=None)
@given(
    hrp=st.sampled_from(["lnbc", "lnbc25u", "lntb1", "lntbs20m", "lnbcrt10p"]),
    data=st.lists(st.integers(0, 31), max_size=300),
)
def test_any_data_under_a_right_checksum_is_read_or_refused(hrp: str, data: list[int]) -> None:
    with pytest.raises(InvalidInvoice):  # nobody guesses a signature: random bytes recover to keys, yet lack the fields
        invoice_read(bech32_encode(hrp, data))


TAGS = st.sampled_from("pshdnxcf9rm2")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TAGS, st.lists(st.integers(0, 31), max_size=60)), max_size=6), st.integers(0, 2**35 - 1))
def test_any_signed_fields_are_read_or_refused(fields: list[tuple[str, list[int]]], created: int) -> None:
    pr = invoice_sign("lnbc25u", [*fields, *plain_fields()], created=created)
    try:
        invoice = invoice_read(pr)
    except InvalidInvoice:
        return
    # What is accepted is read as the bolt11 package reads it.
    assert invoice.payment_hash == HASH.hex()
    assert invoice.created_at.timestamp() == created


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10_000), to=st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l1"))
def test_one_changed_character_is_always_refused(at: int, to: str) -> None:
    pr = invoice_make()
    at %= len(pr)
    if pr[at] == to:
        return
    with pytest.raises(InvalidInvoice):
        invoice_read(pr[:at] + to + pr[at + 1 :])
