from __future__ import annotations

import re

import base58
from hypothesis import given
from hypothesis import strategies as st

from flashpay.ids import id_new, secret_new, token_new


@given(st.binary(min_size=16, max_size=16))
def test_an_id_is_the_base58_of_its_bytes_at_one_fixed_length(raw: bytes) -> None:
    text = id_new(lambda length: raw[:length])
    assert re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{22}", text)
    assert base58.b58decode_int(text) == int.from_bytes(raw, "big")


def test_the_smallest_and_the_largest_id_have_the_same_length() -> None:
    assert id_new(bytes) == "1" * 22
    assert len(id_new(lambda length: b"\xff" * length)) == 22


def test_a_token_is_lower_case_hex_so_that_no_wallet_changes_it() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", token_new())
    assert token_new(lambda length: b"\x0a" * length) == "0a" * 16


def test_a_secret_can_stand_in_a_header_and_in_an_address() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret_new())


def test_none_is_ever_made_twice() -> None:
    for make in (id_new, token_new, secret_new):
        assert len({make() for _ in range(1_000)}) == 1_000
