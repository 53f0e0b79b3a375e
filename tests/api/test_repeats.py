"""The Idempotency-Key header: what was asked for twice is made once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from flashpay.api.models import AnsweredRequest
from flashpay.api.repeats import HEADER, KEPT, answers_forget
from flashpay.invoices.models import Invoice, PaymentRequest
from flashpay.stores.models import ApiKey, Event, Store, User
from flashpay.stores.services import api_key_create
from payouts.models import Payout, PullPayment
from tests.api.conftest import Script, script_of

KEY = {HEADER: "one-request-of-mine"}
INVOICE = {"amount": "21000", "currency": "SAT", "metadata": {"orderId": "A-1"}}


def test_the_same_request_gets_the_same_answer_and_makes_nothing_again(api: Script, store: Store) -> None:
    path = f"/stores/{store.pk}/invoices"
    first = api.ask("POST", path, INVOICE, **KEY)
    again = api.ask("POST", path, INVOICE, **KEY)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert first.headers["Content-Type"] == again.headers["Content-Type"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Invoice.objects.count() == 1
    assert Event.objects.filter(type="InvoiceCreated").count() == 1


def test_without_a_key_the_answer_is_the_same_text(api: Script, store: Store) -> None:
    plain = api.post(f"/stores/{store.pk}/payment-requests", {"title": "Rent", "amount": "5", "currency": "USD"})
    keyed = api.post(f"/stores/{store.pk}/payment-requests", {"title": "Rent", "amount": "5", "currency": "USD"}, **KEY)
    for moving in ("id", "viewLink", "createdTime"):
        del plain[moving], keyed[moving]
    assert plain == keyed
    assert PaymentRequest.objects.count() == 2


def test_spaces_and_order_of_the_body_make_no_other_request(api: Script, store: Store) -> None:
    path = f"/stores/{store.pk}/invoices"
    first = api.ask("POST", path, raw=b'{"amount": "5.50", "currency": "USD"}', **KEY)
    again = api.ask("POST", path, raw=b'{"currency":"USD",\n"amount":"5.50"}', **KEY)
    assert first.content == again.content


@pytest.mark.parametrize("change", [{"amount": "21001"}, {"metadata": {"orderId": "A-2"}}, {"checkout": {}}])
def test_the_same_key_with_another_body_is_refused(api: Script, store: Store, change: dict[str, Any]) -> None:
    path = f"/stores/{store.pk}/invoices"
    api.post(path, INVOICE, **KEY)
    assert api.post(path, INVOICE | change, 422, **KEY)["code"] == "idempotency-mismatch"
    assert Invoice.objects.count() == 1


def test_the_same_key_at_another_address_is_refused(api: Script, store: Store) -> None:
    api.post(f"/stores/{store.pk}/invoices", INVOICE, **KEY)
    refused = api.post(f"/stores/{store.pk}/payment-requests", {"title": "Rent", "amount": "5"}, 422, **KEY)
    assert refused["code"] == "idempotency-mismatch"
    assert not PaymentRequest.objects.exists()


def test_a_key_belongs_to_the_api_key_that_it_came_with(api: Script, store: Store, alice: User) -> None:
    path = f"/stores/{store.pk}/invoices"
    first = api.post(path, INVOICE, **KEY)
    other = script_of(alice).post(path, INVOICE, **KEY)
    assert first["id"] != other["id"]


def test_a_repetition_is_allowed_no_more_than_the_caller_is_now(api: Script, store: Store) -> None:
    path = f"/stores/{store.pk}/invoices"
    api.post(path, INVOICE, **KEY)
    ApiKey.objects.update(permissions=["btcpay.store.canviewinvoices"])
    assert api.post(path, INVOICE, 403, **KEY)["code"] == "missing-permission"
    ApiKey.objects.update(revoked_at=timezone.now())
    api.post(path, INVOICE, 401, **KEY)


def test_what_was_refused_is_judged_anew(api: Script, store: Store, connection_string: str) -> None:
    path, body = f"/stores/{store.pk}/pull-payments", {"amount": "50000", "currency": "SAT"}
    assert api.post(path, body, 400, **KEY)["code"] == "wallet-not-connected"
    assert not AnsweredRequest.objects.exists()
    api.put(f"/stores/{store.pk}/payment-methods/BTC-LN", {"config": connection_string})
    made = api.post(path, body, **KEY)
    assert api.post(path, body, **KEY) == made
    assert PullPayment.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "grün"])
def test_it_refuses_what_is_no_key(api: Script, store: Store, key: str) -> None:
    (refused,) = api.post(f"/stores/{store.pk}/invoices", INVOICE, 422, **{HEADER: key})
    assert refused["path"] == HEADER
    assert not Invoice.objects.exists()


def test_the_answer_is_not_readable_in_the_database(api: Script, alice: User) -> None:
    made = api.post("/api-keys", {"label": "till", "permissions": []}, **KEY)
    assert api.post("/api-keys", {"label": "till", "permissions": []}, **KEY) == made
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM api_answeredrequest")
        (kept,) = cursor.fetchone()
    assert made["apiKey"] not in kept
    assert ApiKey.objects.filter(label="till").count() == 1


def test_a_day_later_the_key_is_new_again(api: Script, store: Store) -> None:
    path = f"/stores/{store.pk}/invoices"
    first = api.post(path, INVOICE, **KEY)
    AnsweredRequest.objects.update(at=timezone.now() - KEPT)
    assert api.post(path, INVOICE, **KEY)["id"] != first["id"]
    assert AnsweredRequest.objects.count() == 1


def test_answers_are_forgotten_after_a_day_and_no_sooner(api: Script, store: Store) -> None:
    path, now = f"/stores/{store.pk}/invoices", timezone.now()
    for name in ("old", "young"):
        api.post(path, INVOICE, **{HEADER: name})
    old = AnsweredRequest.objects.order_by("pk").first()
    assert old is not None
    AnsweredRequest.objects.filter(pk=old.pk).update(at=now - KEPT - timedelta(minutes=1))
    assert answers_forget(now=now) == 1
    assert AnsweredRequest.objects.exclude(pk=old.pk).count() == 1


def test_a_claim_that_is_sent_again_gets_the_same_payout(api: Script, anybody: Script, paying_store: Store) -> None:
    body = {"amount": "50000", "currency": "SAT", "autoApproveClaims": False}
    pull = api.post(f"/stores/{paying_store.pk}/pull-payments", body)
    path = f"/pull-payments/{pull['id']}/payouts"
    claim = {"destination": "claimer@pay.example", "amount": "20000"}
    first = anybody.post(path, claim, **KEY)
    assert anybody.post(path, claim, **KEY)["id"] == first["id"]
    assert anybody.post(path, claim, **{HEADER: "another"})["id"] != first["id"]
    refused = anybody.post(path, claim | {"destination": "thief@pay.example"}, 422, **KEY)
    assert refused["code"] == "idempotency-mismatch"
    assert Payout.objects.count() == 2


def _at_once(count: int, ask: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    gate = threading.Barrier(count)

    def one(number: int) -> httpx.Response:
        gate.wait(timeout=20)
        return ask(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_twelve_that_come_at_once_over_http_one_makes_it_and_all_get_its_answer(
    web_server: str, store: Store, alice: User
) -> None:
    headers = {"Authorization": f"token {api_key_create(user=alice)[1]}", **KEY}
    url = f"{web_server}/api/v1/stores/{store.pk}/invoices"
    with httpx.Client(trust_env=False, timeout=30) as client:
        answers = _at_once(12, lambda _: client.post(url, json=INVOICE, headers=headers))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
        # With other bodies at the same moment one wins, and the others are told.
        others = _at_once(
            6, lambda n: client.post(url, json={"amount": str(n + 1)}, headers=headers | {HEADER: "another"})
        )
    assert sorted(answer.status_code for answer in others) == [200, 422, 422, 422, 422, 422]
    assert Invoice.objects.count() == 2


def _where() -> dict[str, Any]:
    asked = connection.get_connection_params()
    return {name: asked[name] for name in ("dbname", "user", "password", "host", "port") if name in asked}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_at_work_the_second_is_told_to_come_again(api: Script, store: Store) -> None:
    path = f"/stores/{store.pk}/invoices"
    key = ApiKey.objects.get()
    # Another process in the middle of the same request: its row is written and not committed.
    with psycopg.connect(**_where()) as elsewhere:
        elsewhere.execute(
            "INSERT INTO api_answeredrequest (api_key_id, key_sha256, request_sha256, body, at) "
            "VALUES (%s, %s, %s, '', now())",
            [key.pk, hashlib.sha256(KEY[HEADER].encode()).hexdigest(), "0" * 64],
        )
        busy = api.ask("POST", path, INVOICE, **KEY)
        assert (busy.status_code, busy.json()["code"]) == (409, "idempotency-in-flight")
        assert busy.headers["Retry-After"] == "1"
        assert not Invoice.objects.exists()
        elsewhere.rollback()  # it crashed: neither its row nor what it made is there
    assert api.post(path, INVOICE, **KEY)["id"] == Invoice.objects.get().pk


MAKES_NOTHING = {
    "invoice_unarchive",
    "invoice_unarchive_by_id",
    "invoice_status",
    "invoice_status_by_id",
    "lightning_address_put",  # names what it makes
    "payout_approval",
    "payout_approve_by_id",
    "payout_mark",
    "payout_mark_by_id",
    "payout_marked_paid",
    "payout_mark_paid_by_id",
    "payouts_pausing",
    "payouts_resuming",
    "pull_payment_claim_code",
    "pull_payment_extending",
    "pull_payment_pausing",
    "pull_payment_resuming",
    "pay_link_unarchive",
    "store_logo_post",
    "voucher_batch_end",
    "voucher_end",
}


def test_every_request_that_makes_something_heeds_the_key(client: Any, db: None) -> None:
    schema = json.loads(client.get("/api/openapi.json").content)
    posts = [methods["post"] for methods in schema["paths"].values() if "post" in methods]
    heeds = {each["operationId"] for each in posts if HEADER in {one["name"] for one in each["parameters"]}}
    assert heeds == {each["operationId"] for each in posts} - MAKES_NOTHING
