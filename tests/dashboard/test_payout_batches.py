"""Paying from a table in the dashboard: brought, corrected, confirmed once, followed."""

from __future__ import annotations

import html

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from flashpay.stores.models import Store, User
from payouts.batches.models import PayoutBatch
from payouts.models import Payout
from payouts.services import payout_policy_update
from tests.cast import member_add, user_make
from tests.payouts.recipients import wallet_make

pytestmark = pytest.mark.django_db

TABLE = "destination;amount;currency;reference\r\nanna@example.com;20000;SAT;A-1\r\nben@example.com;30000;SAT;A-2\r\n"


@pytest.fixture
def paying_store(store: Store) -> Store:
    wallet_make(store, balance_cents=10_000_00)
    return store


def tables(store: Store) -> str:
    return f"/stores/{store.pk}/payout-batches"


def bring(client: Client, store: Store, table: str = TABLE, **more: str) -> PayoutBatch:
    answer = client.post(f"{tables(store)}/new", {"text": table, "currency": "SAT", **more})
    assert answer.status_code == 302, answer.context["form"].errors
    return PayoutBatch.objects.get(pk=answer["Location"].rsplit("/", 1)[1])


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode()).replace("\N{NO-BREAK SPACE}", " ")


def confirm(client: Client, store: Store, batch: PayoutBatch, **more: str) -> None:
    seen = client.get(f"{tables(store)}/{batch.pk}").context["seen"]
    client.post(f"{tables(store)}/{batch.pk}/confirm", {"seen": seen, **more})


def test_a_file_is_looked_at_confirmed_and_followed(merchant: Client, paying_store: Store) -> None:
    file = SimpleUploadedFile("wages.csv", TABLE.encode("utf-8-sig"), "text/csv")
    answer = merchant.post(f"{tables(paying_store)}/new", {"file": file, "currency": "USD"})
    batch = PayoutBatch.objects.get()
    assert answer["Location"] == f"{tables(paying_store)}/{batch.pk}"
    page = text_of(merchant, answer["Location"])
    for shown in ("wages.csv", "anna@example.com", "A-2", "50,000 sat", "$10,000.00", "Pay 2 rows"):
        assert shown in page
    assert not Payout.objects.exists()
    confirm(merchant, paying_store, batch)
    assert sorted(Payout.objects.values_list("amount", "state")) == [
        (20_000, "AwaitingPayment"),
        (30_000, "AwaitingPayment"),
    ]
    page = text_of(merchant, answer["Location"])
    assert "0 of 2" in page
    assert "A-1" in page
    payout = Payout.objects.get(amount=20_000)
    assert "wages.csv" in text_of(merchant, f"/stores/{paying_store.pk}/payouts/{payout.pk}")
    assert payout.destination in text_of(merchant, f"/stores/{paying_store.pk}/payouts?q=A-1")
    results = merchant.get(f"{tables(paying_store)}/{batch.pk}/results.csv")
    assert b"".join(results.streaming_content).startswith(b"\xef\xbb\xbfrow,reference")  # type: ignore[attr-defined]
    assert "wages.csv" in text_of(merchant, tables(paying_store))


def test_pressing_twice_pays_once(merchant: Client, paying_store: Store) -> None:
    batch = bring(merchant, paying_store)
    seen = merchant.get(f"{tables(paying_store)}/{batch.pk}").context["seen"]
    for _ in range(2):
        merchant.post(f"{tables(paying_store)}/{batch.pk}/confirm", {"seen": seen})
    assert Payout.objects.count() == 2


def test_bad_rows_are_shown_first_and_left_out_by_a_button(merchant: Client, paying_store: Store) -> None:
    batch = bring(merchant, paying_store, f"{TABLE}nobody;5;SAT;\r\ncarl@example.com;5;SAT;\r\n")
    address = f"{tables(paying_store)}/{batch.pk}"
    shown = merchant.get(address)
    assert [each.row.line for each in shown.context["page"]] == [4, 5, 2, 3]
    assert [each.row.line for each in merchant.get(f"{address}?tab=all").context["page"]] == [2, 3, 4, 5]
    page = text_of(merchant, address)
    assert "2 rows have problems" in page
    assert "Pay 4 rows" not in page
    assert page.count(f'action="{address}/edit"') == 6  # discard, all bad rows, and each of the four
    merchant.post(f"{address}/edit", {"line": "5"})
    merchant.post(f"{address}/edit", {"action": "drop_bad"})
    merchant.post(f"{address}/edit", {"line": "many"})
    assert "Pay 2 rows" in text_of(merchant, address)
    assert not Payout.objects.exists()


def test_a_corrected_table_replaces_the_draft(merchant: Client, paying_store: Store) -> None:
    wrong = bring(merchant, paying_store)
    assert f"replaces={wrong.pk}" in text_of(merchant, f"{tables(paying_store)}/{wrong.pk}")
    bring(merchant, paying_store, TABLE.replace("20000", "25000"), replaces=wrong.pk)
    wrong.refresh_from_db()
    assert wrong.state == "Discarded"
    assert "discarded" in text_of(merchant, f"{tables(paying_store)}/{wrong.pk}")


def test_the_same_table_again_is_warned_about(merchant: Client, paying_store: Store) -> None:
    confirm(merchant, paying_store, bring(merchant, paying_store))
    again = bring(merchant, paying_store)
    assert "You sent this table before" in text_of(merchant, f"{tables(paying_store)}/{again.pk}")
    confirm(merchant, paying_store, again)
    assert Payout.objects.count() == 2
    confirm(merchant, paying_store, again, again="1")
    assert Payout.objects.count() == 4


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({}, "file"),
        ({"text": "who,what\n1,2"}, "text"),
        ({"text": TABLE, "currency": "XYZ"}, "currency"),
        ({"text": "x" * 1_000_001}, "text"),
    ],
)
def test_what_is_no_table_is_said_at_its_field(
    merchant: Client, paying_store: Store, typed: dict[str, str], field: str
) -> None:
    answer = merchant.post(f"{tables(paying_store)}/new", {"currency": "SAT"} | typed)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not PayoutBatch.objects.exists()


def test_a_file_that_is_too_large_is_not_read(merchant: Client, paying_store: Store) -> None:
    file = SimpleUploadedFile("wages.csv", b"a" * 1_000_001, "text/csv")
    answer = merchant.post(f"{tables(paying_store)}/new", {"file": file, "currency": "SAT"})
    assert "larger than 1 MB" in answer.content.decode()
    both = SimpleUploadedFile("wages.csv", TABLE.encode(), "text/csv")
    answer = merchant.post(f"{tables(paying_store)}/new", {"file": both, "text": TABLE, "currency": "SAT"})
    assert "not both" in answer.content.decode()
    assert not PayoutBatch.objects.exists()


def test_approving_and_cancelling_all_of_it(merchant: Client, paying_store: Store) -> None:
    payout_policy_update(store=paying_store, actor="alice", minimum_policy="refuse", approve_by_hand_above_sat=25_000)
    batch = bring(merchant, paying_store)
    address = f"{tables(paying_store)}/{batch.pk}"
    assert "1 payout waits for approval" in text_of(merchant, address)
    confirm(merchant, paying_store, batch)
    merchant.post(f"{address}/act", {"action": "approve"})
    assert not Payout.objects.filter(state="AwaitingApproval").exists()
    merchant.post(f"{address}/act", {"action": "cancel", "reason": "The wrong month."})
    assert set(Payout.objects.values_list("state", "reason")) == {("Cancelled", "The wrong month.")}
    merchant.post(f"{address}/act", {"action": "perhaps"})
    assert "2" in text_of(merchant, f"{address}?tab=cancelled")


def test_a_draft_without_any_row_left_or_without_wallet_says_so(merchant: Client, paying_store: Store) -> None:
    batch = bring(merchant, paying_store)
    address = f"{tables(paying_store)}/{batch.pk}"
    for line in ("2", "3"):
        merchant.post(f"{address}/edit", {"line": line})
    assert "No rows are left" in text_of(merchant, address)
    paying_store.wallet_connections.update(is_active=False)
    assert "cannot be paid at the moment" in text_of(merchant, address)
    merchant.post(f"{address}/edit", {"action": "discard"})
    batch.refresh_from_db()
    assert batch.state == "Discarded"


def test_the_sample_can_be_downloaded_and_brought(merchant: Client, paying_store: Store) -> None:
    sample = b"".join(merchant.get(f"{tables(paying_store)}/sample.csv").streaming_content)  # type: ignore[attr-defined]
    assert len(bring(merchant, paying_store, sample.decode()).rows) == 2


@pytest.mark.parametrize(
    ("role", "sees", "acts"), [(None, 404, 404), ("Manager", 200, 302), ("Employee", 200, 403), ("Cashier", 403, 403)]
)
def test_who_may_not_moves_nothing(
    merchant: Client, paying_store: Store, role: str | None, sees: int, acts: int
) -> None:
    batch = bring(merchant, paying_store)
    person = user_make("erin")
    if role:
        member_add(paying_store, person, role)
    merchant.force_login(person)
    address = f"{tables(paying_store)}/{batch.pk}"
    assert merchant.get(address).status_code == sees
    assert merchant.post(f"{address}/confirm", {"seen": "x"}).status_code == acts
    assert merchant.post(f"{address}/edit", {"line": "x"}).status_code == acts
    assert not Payout.objects.exists()
    batch.refresh_from_db()
    assert len(batch.rows) == 2


def test_another_store_s_draft_is_neither_seen_nor_replaced(client: Client, paying_store: Store, charlie: User) -> None:
    client.force_login(paying_store.memberships.get().user)
    batch = bring(client, paying_store)
    kiosk = charlie.memberships.get().store
    wallet_make(kiosk)
    client.force_login(charlie)
    assert client.get(f"{tables(kiosk)}/{batch.pk}").status_code == 404
    bring(client, kiosk, TABLE, replaces=batch.pk)
    batch.refresh_from_db()
    assert batch.state == "Draft"
