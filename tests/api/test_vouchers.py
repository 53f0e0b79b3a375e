from __future__ import annotations

from typing import Any

import pytest

from flashpay.brand.services import brand_save
from flashpay.stores import permissions
from flashpay.stores.models import Store, User
from payouts.models import PullPayment
from payouts.services import payout_claim
from payouts.vouchers.models import Voucher, VoucherBatch
from tests.api.conftest import Script, script_of
from tests.brand.pictures import picture
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer

BODY = {"name": "Christmas", "count": 3, "amount": "21000", "currency": "SAT", "prefix": "XMAS", "note": "Thank you!"}


@pytest.fixture
def path(paying_store: Store) -> str:
    return f"/stores/{paying_store.pk}/voucher-batches"


@pytest.fixture
def one(api: Script, path: str) -> str:
    return f"{path}/{api.post(path, BODY)['id']}"


def test_it_makes_a_batch(api: Script, path: str) -> None:
    made = api.post(path, BODY)
    kept = VoucherBatch.objects.get()
    assert {name: made[name] for name in BODY} == BODY
    assert (made["id"], made["counts"]["Unclaimed"], made["autoApproveClaims"]) == (kept.pk, 3, False)
    assert api.get(f"{path}/{kept.pk}") == made
    assert api.get(path) == [made]
    assert PullPayment.objects.count() == 3


def test_it_makes_one_batch_under_one_idempotency_key(api: Script, path: str) -> None:
    key = {"Idempotency-Key": "christmas"}
    assert api.post(path, BODY, **key) == api.post(path, BODY, **key)
    assert Voucher.objects.count() == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 1001}, "count"),
        ({"amount": "0"}, "amount"),
        ({"name": ""}, "name"),
        ({"prefix": "ÄÖ"}, "prefix"),
        ({"note": "x" * 161}, "note"),
        ({"expiresAt": 5}, "expiresAt"),
        ({"currency": "XYZ"}, "currency"),
    ],
)
def test_it_refuses_an_unusable_field_by_its_path(api: Script, path: str, change: dict[str, Any], field: str) -> None:
    (refused,) = api.post(path, BODY | change, 422)
    assert refused["path"] == field
    assert not VoucherBatch.objects.exists()


def test_it_refuses_vouchers_that_nobody_could_claim(api: Script, path: str) -> None:
    assert api.post(path, BODY | {"amount": "500"}, 400)["code"] == "amount-too-low"
    assert not PullPayment.objects.exists()


def test_it_lists_vouchers_with_their_state(api: Script, one: str, sandbox: SandboxServer) -> None:
    first = Voucher.objects.select_related("pull_payment").get(number=1)
    payout_claim(pull_payment=first.pull_payment, bolt11=sandbox.phone_invoice(21_000)["bolt11"])
    shown = api.get(f"{one}/vouchers")
    assert [(each["label"], each["state"]) for each in shown] == [
        ("XMAS-001", "Claimed"),
        ("XMAS-002", "Unclaimed"),
        ("XMAS-003", "Unclaimed"),
    ]
    assert shown[0]["code"] == first.code_shown
    assert shown[0]["viewLink"].endswith(f"/p/{first.pk}")
    assert [each["number"] for each in api.get(f"{one}/vouchers?state=Claimed")] == [1]
    assert [each["number"] for each in api.get(f"{one}/vouchers?skip=1&take=1")] == [2]
    assert api.get(one)["counts"] == {
        "Unclaimed": 2, "Claimed": 1, "InFlight": 0, "Paid": 0, "Revoked": 0, "Expired": 0
    }  # fmt: skip


def test_it_revokes_what_nobody_has_claimed(api: Script, one: str, sandbox: SandboxServer) -> None:
    first = Voucher.objects.select_related("pull_payment").get(number=1)
    payout_claim(pull_payment=first.pull_payment, bolt11=sandbox.phone_invoice(21_000)["bolt11"])
    assert api.post(f"{one}/vouchers/2/revoke")["state"] == "Revoked"
    assert api.post(f"{one}/vouchers/1/revoke", status=400)["code"] == "claimed"
    assert api.post(f"{one}/vouchers/9/revoke", status=404)["code"] == "voucher-not-found"
    assert api.post(f"{one}/vouchers/99999999999999999999/revoke", status=404)
    assert api.post(f"{one}/revoke") == {"revoked": 1}
    assert api.get(one)["counts"]["Revoked"] == 2


def test_it_answers_the_table_and_the_sheets_to_print(api: Script, one: str) -> None:
    made = api.get(one)
    table = api.ask("GET", made["csvLink"].partition("/api/v1")[2])
    assert table.headers["Content-Type"].startswith("text/csv")
    text = b"".join(table.streaming_content).decode()
    assert Voucher.objects.get(number=3).code_shown in text
    sheets = api.ask("GET", made["pdfLink"].partition("/api/v1")[2] + "?paper=Letter&perPage=10")
    assert sheets.headers["Content-Type"] == "application/pdf"
    assert sheets.content.startswith(b"%PDF-")
    for answer in (table, sheets):
        assert answer.headers["Cache-Control"] == "no-store"
    (refused,) = api.get(f"{one}/pdf?paper=A3", 422)
    assert refused["path"] == "paper"


def test_the_sheets_wear_the_logo_of_the_store(api: Script, one: str, paying_store: Store) -> None:
    def pictures() -> int:
        content: bytes = api.ask("GET", f"{one}/pdf").content
        return content.count(b"/Subtype /Image")

    plain = pictures()
    brand_save(store=paying_store, color="#5b21b6", logo_data=picture(), actor="alice")
    assert pictures() > plain


def test_a_guest_sees_how_they_stand_and_no_code(guest: Script, one: str) -> None:
    assert guest.get(one)["counts"]["Unclaimed"] == 3
    for path in ("vouchers", "csv", "pdf"):
        guest.get(f"{one}/{path}", 403)
    guest.post(f"{one}/revoke", status=403)
    guest.post(f"{one}/vouchers/1/revoke", status=403)
    assert not PullPayment.objects.exclude(archived_at=None).exists()


def test_strangers_and_cashiers_see_and_make_none(
    stranger: Script, bob: User, paying_store: Store, path: str, one: str
) -> None:
    stranger.get(path, 404)
    stranger.get(f"{one}/csv", 404)
    stranger.post(path, BODY, 404)
    script_of(bob).post(path, BODY, 403)
    assert VoucherBatch.objects.count() == 1


def test_claims_that_nobody_approves_want_a_permission_of_their_own(paying_store: Store, path: str) -> None:
    eve = user_make("eve")
    member_add(paying_store, eve, "Employee")
    refused = script_of(eve).post(path, BODY | {"autoApproveClaims": True}, 403)
    assert refused["missingPermission"] == permissions.CREATE_PULL_PAYMENTS
    assert not VoucherBatch.objects.exists()
