"""One search for the dashboard and the API, and the table that comes out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flashpay.invoices.exporting import COLUMNS
from flashpay.invoices.models import AdditionalState, Invoice, InvoiceState
from flashpay.invoices.search import query_read
from flashpay.invoices.selectors import invoices_search
from flashpay.invoices.services import invoice_archive, invoice_create, lightning_invoice_issue
from flashpay.money.currencies import BTC, SAT
from flashpay.stores.models import Store, User

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def shop(store: Store) -> dict[str, Invoice]:
    def make(
        name: str, amount: int | None, *, age_d: int, order: str = "", currency=SAT, state: str = "New"
    ) -> Invoice:
        invoice = invoice_create(
            store=store,
            amount=amount,
            currency=currency,
            actor="alice",
            description=name,
            order_id=order,
            now=NOW - timedelta(days=age_d),
        )
        Invoice.objects.filter(pk=invoice.pk).update(state=state)
        return invoice

    return {
        "tea": make("Green tea", 1_000, age_d=0, order="A-1"),
        "cake": make("Cake & coffee", 2_500, age_d=2, order="A 2", state="Settled"),
        "pot": make("Pot of tea", 9_000, age_d=8, order="A-3", state="Expired"),
        "coin": make("A coin", 9_000, age_d=20, currency=BTC),
        "jar": make("Tip jar", None, age_d=1),
    }


def expired_make(store: Store, count: int, name: str) -> None:
    """`count` old invoices, described as `<name> number <0, 1, …>`, newest first."""
    Invoice.objects.bulk_create(
        Invoice(
            store=store, currency="SAT", amount=1, amount_msat=1_000, description=f"{name} number {number}", state="Expired",
            created_at=NOW - timedelta(days=30, minutes=number), expires_at=NOW, monitoring_ends_at=NOW,
        )
        for number in range(count)
    )  # fmt: skip


def found(store: Store, text: str, zone: ZoneInfo | None = None) -> set[str]:
    query = query_read(text, now=NOW, zone=zone or UTC)
    assert not query.problems
    return {invoice.description for invoice in invoices_search(store=store, query=query)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", {"tea", "cake", "pot", "coin", "jar"}),
        ("tea", {"tea", "pot"}),
        ("TEA status:new", {"tea"}),
        ("reen", {"tea"}),
        ("te", {"tea", "pot"}),
        ("C", {"cake", "coin"}),
        ("ar", set()),
        ("& c", {"cake"}),
        ("status:settled", {"cake"}),
        ("status:Settled status:expired", {"cake", "pot"}),
        ("orderid:A-1", {"tea"}),
        ('orderid:"A 2"', {"cake"}),
        ('"green tea"', {"tea"}),
        ('say "hi', set()),
        ("a-3", {"pot"}),
        ("type:topup", {"jar"}),
        ("currency:btc", {"coin"}),
        ("startdate:-3d", {"tea", "cake", "jar"}),
        ("startdate:2026-05-02 enddate:2026-05-08", {"cake", "pot"}),
        ("enddate:2026-05-08T11:59", {"pot", "coin"}),
        ("startdate:-12h", {"tea"}),
        ("amount:1000", {"tea"}),
        ("amount:>=2500", {"cake", "pot"}),
        ("amount:<2500", {"tea", "coin"}),
        ("amount:1000..2500", {"tea", "cake"}),
        ("amount:0.00009", {"coin"}),
        ("amount:1000 amount:9000", {"tea", "pot"}),
        ("exceptionstatus:paidlate", set()),
        ("note:well", set()),
        ("https://x.example/?a=b", set()),
        ("'; drop table", set()),
    ],
)
def test_it_finds(store: Store, shop: dict[str, Invoice], text: str, names: set[str]) -> None:
    assert found(store, text) == {shop[name].description for name in names}


def test_two_letters_of_a_script_without_spaces_are_found_inside_words(store: Store) -> None:
    invoice_create(store=store, amount=1, currency=SAT, actor="alice", description="热咖啡")
    assert found(store, "咖啡") == {"热咖啡"}


def test_a_word_that_very_many_have_finds_them_all_newest_first(
    merchant: Client, store: Store, shop: dict[str, Invoice]
) -> None:
    expired_make(store, 1_001, "Tea")
    named = [each.description for each in invoices_search(store=store, query=query_read("tea", now=NOW))]
    assert len(named) == 1_001 + 2
    assert named[:4] == ["Green tea", "Pot of tea", "Tea number 0", "Tea number 1"]
    assert found(store, "tea status:new") == {"Green tea"}
    with CaptureQueriesContext(connection) as asked:
        page = merchant.get(f"/stores/{store.pk}/invoices", {"q": "tea"}).context["page"]
    assert str(page.total) == "1,000+"
    # Looked up once, and read once for the page; not counted again.
    assert len([query for query in asked.captured_queries if "%tea%" in query["sql"]]) == 2
    assert found(store, "tea startdate:-10d") == {"Green tea", "Pot of tea"}


@pytest.mark.postgres
def test_words_are_looked_up_in_their_index_with_shop_and_state(store: Store) -> None:
    expired_make(store, 3_000, "Coffee")
    with connection.cursor() as cursor:
        # What PostgreSQL does by itself from time to time.
        cursor.execute("SELECT gin_clean_pending_list('invoice_by_words')")
        cursor.execute("ANALYZE invoices_invoice")
    for text in ("green tea", "tea", "te"):
        with CaptureQueriesContext(connection) as asked:
            assert not invoices_search(store=store, states=["Expired"], query=query_read(text, now=NOW)).exists()
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + asked.captured_queries[0]["sql"])
            lines = [line for (line,) in cursor.fetchall()]
        conditions = [after for line, after in pairwise(lines) if "invoice_by_words" in line]
        assert conditions, lines
        for condition in conditions:
            assert all(column in condition for column in ("store_id", "state", "upper((description)")), condition


def test_an_id_is_found_by_its_beginning_and_as_the_list_shows_it(store: Store, shop: dict[str, Invoice]) -> None:
    key = shop["tea"].pk
    for text in (key, key[:6], key[:12], f"{key[:6]}…{key[-6:]}"):
        assert found(store, text) == {"Green tea"}, text
    for text in (key[:5], f"{key[:6]}…{key[:6]}", f"{key}1"):
        assert found(store, text) == set(), text


def test_a_buyer_is_found_by_the_e_mail_address(store: Store, shop: dict[str, Invoice]) -> None:
    invoice_create(
        store=store,
        amount=1,
        currency=SAT,
        actor="alice",
        description="Cap",
        metadata={"buyerEmail": "Buyer@Example.com"},
    )
    assert found(store, "buyer@example.com") == {"Cap"}
    assert found(store, "buyer@example.com status:settled") == set()
    assert found(store, "another@example.com") == set()


def test_days_are_the_stores_own(store: Store, shop: dict[str, Invoice]) -> None:
    invoice_create(
        store=store, amount=1, currency=SAT, actor="a", description="late", now=datetime(2026, 5, 6, 3, tzinfo=UTC)
    )
    assert found(store, "startdate:2026-05-05 enddate:2026-05-05") == set()
    assert found(store, "startdate:2026-05-05 enddate:2026-05-05", ZoneInfo("America/Jamaica")) == {"late"}


def test_it_finds_by_payment_hash_and_by_the_code_itself(connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=1_000, currency=SAT, description="Tea", actor="alice")
    invoice_create(store=connected_store, amount=1_000, currency=SAT, description="Other", actor="alice")
    code = lightning_invoice_issue(invoice=invoice)
    for text in (code.payment_hash, code.payment_hash.upper(), code.bolt11, f"lightning:{code.bolt11.upper()}"):
        assert found(connected_store, text) == {"Tea"}
    assert found(connected_store, invoice.pk) == {"Tea"}


def test_archived_ones_are_found_only_when_asked_for(store: Store, shop: dict[str, Invoice]) -> None:
    invoice_archive(invoice=shop["tea"], archived=True, actor="alice")
    assert found(store, "tea") == {"Pot of tea"}
    assert found(store, "tea archived:true") == {"Green tea"}


def test_two_additional_states_are_names_as_btcpay_writes_them(store: Store, shop: dict[str, Invoice]) -> None:
    Invoice.objects.filter(pk=shop["pot"].pk).update(additional_state=AdditionalState.PAID_LATE, state="Settled")
    assert found(store, "exceptionstatus:PaidLate") == {"Pot of tea"}


@pytest.mark.parametrize(
    "text",
    [
        "status:paid",
        "startdate:yesterday",
        "enddate:2026-02-31",
        "amount:ten",
        "amount:>1..2",
        "amount:20..10",
        "status:",
        "orderid:",
        "type:x",
        "currency:doge",
    ],
)
def test_a_filter_it_does_not_understand_is_named(text: str) -> None:
    query = query_read(f"{text} tea", now=NOW)
    assert len(query.problems) == 1
    assert query.text == "tea"


def test_others_invoices_are_never_found(store: Store, shop: dict[str, Invoice], charlie: User) -> None:
    other = charlie.memberships.get().store
    assert found(other, "tea") == set()
    assert found(other, shop["tea"].pk) == set()


# --- The list and the table in the dashboard ------------------------------------------------------------------------


def test_the_list_says_what_it_did_not_understand(merchant: Client, store: Store, shop: dict[str, Invoice]) -> None:
    page = merchant.get(f"/stores/{store.pk}/invoices", {"q": "status:paid tea"}).content.decode()
    assert "is none of" in page
    # Half of a search would show what nobody asked for, and the table would hold it.
    assert "Green tea" not in page
    lines = b"".join(merchant.get(f"/stores/{store.pk}/invoices.csv", {"q": "status:paid tea"}))  # type: ignore[arg-type]
    assert b"Green tea" not in lines


def test_the_table_holds_what_the_list_finds_and_no_formula(
    merchant: Client, store: Store, shop: dict[str, Invoice]
) -> None:
    invoice_create(
        store=store, amount=5, currency=SAT, actor="alice", description='=HYPERLINK("http://x")', order_id="@SUM(1)"
    )
    answer = merchant.get(f"/stores/{store.pk}/invoices.csv", {"q": "", "state": "New"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").split("\r\n")
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) == 1 + Invoice.objects.filter(state=InvoiceState.NEW).count() + 1
    assert "'=HYPERLINK" in lines[1]
    assert "'@SUM(1)" in lines[1]


def test_a_stranger_gets_no_table(client: Client, charlie: User, store: Store) -> None:
    client.force_login(charlie)
    assert client.get(f"/stores/{store.pk}/invoices.csv").status_code == 404


def test_it_archives_and_takes_back(merchant: Client, store: Store, shop: dict[str, Invoice]) -> None:
    address = f"/stores/{store.pk}/invoices/{shop['tea'].pk}"
    merchant.post(f"{address}/archive", {"archived": "1"})
    shop["tea"].refresh_from_db()
    assert shop["tea"].archived
    assert "Unarchive" in merchant.get(address).content.decode()
    merchant.post(f"{address}/archive", {"archived": "0"})
    shop["tea"].refresh_from_db()
    assert not shop["tea"].archived


def test_an_invoice_without_an_amount_is_a_top_up(merchant: Client, store: Store) -> None:
    merchant.post(f"/stores/{store.pk}/invoices/new", {"amount": "", "currency": "SAT"})
    assert Invoice.objects.get().type == "TopUp"
