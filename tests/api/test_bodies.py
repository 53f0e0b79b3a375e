"""Bodies that different readers would understand differently, or a database cannot hold, are refused before anything."""

from __future__ import annotations

import pytest

from flashpay.stores.models import Store
from tests.api.conftest import Script

REFUSED = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b'{"name": "a", "name": "b"}',
    b'{"name": "a\\u0000b"}',
    b'{"name": "a\\ud800b"}',
    b'{"name": "\xff"}',
    b'{"name": "a", "paymentTolerance": NaN}',
    b'{"name": "a", "paymentTolerance": Infinity}',
    b"[" * 10_000,
    b'{"name":' * 40 + b"1" + b"}" * 40,
]


@pytest.mark.parametrize("body", REFUSED)
def test_it_refuses_what_is_no_clear_json_object(api: Script, body: bytes) -> None:
    answer = api.ask("POST", "/stores", raw=body)
    assert answer.status_code in (400, 422)
    assert answer.json()
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"name":' * 40_000 + b"1" + b"}" * 40_000, "nested more than 32 levels deep"),
        (b'{"name": "a", "paymentTolerance": ' + b"9" * 5_000 + b"}", "a number in it that is too long"),
        (b'{"name": "' + b"a" * 3_000_000 + b'"}', "larger than any request needs to be"),
    ],
)
def test_what_is_beyond_all_measure_is_told_in_words_of_the_api(api: Script, body: bytes, said: str) -> None:
    answer = api.ask("POST", "/stores", raw=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")
    assert said in answer.json()["message"]
    assert not Store.objects.exists()


def test_it_needs_no_content_type(api: Script) -> None:
    answer = api.client.generic(
        "POST", "/api/v1/stores", b'{"name": "x"}', headers={"Authorization": f"token {api.key}"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v2/stores", "/v1/nothing", "/v1/stores/", "/v1/stores/a%00b"])
def test_it_answers_in_json_where_there_is_nothing(anybody: Script, path: str) -> None:
    answer = anybody.client.get(f"/api{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "endpoint-not-found"


def test_it_answers_in_json_to_a_method_that_an_address_does_not_take(api: Script) -> None:
    answer = api.ask("PATCH", "/stores")
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


def test_it_lets_nobody_keep_a_copy(api: Script) -> None:
    assert api.ask("GET", "/stores").headers["Cache-Control"] == "no-store"
