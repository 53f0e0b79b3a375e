"""Who may work at a till, where a cashier lands, and what a till's day looks like to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from flashpay.invoices.keypad import Keyed
from flashpay.invoices.models import Evidence, Invoice
from flashpay.invoices.services import lightning_invoice_issue, pay_link_pay, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store, User
from flashpay.till.models import Till
from flashpay.till.selectors import sales_today
from flashpay.till.services import sale_create, till_archive, till_save, till_share
from tests.cast import member_add, user_make

pytestmark = pytest.mark.django_db

PARTS = ("", "/today", "/prices", "/manifest")


def visitor(store: Store, role: str) -> Client:
    person = user_make(role.lower())
    member_add(store, person, role)
    client = Client()
    client.force_login(person)
    return client


def pay(invoice: Invoice) -> None:
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)


@pytest.mark.parametrize("part", PARTS)
def test_a_stranger_finds_no_such_till(client: Client, till: Till, charlie: User, part: str) -> None:
    client.force_login(charlie)
    assert client.get(f"/till/{till.pk}{part}").status_code == 404


@pytest.mark.parametrize("part", PARTS)
def test_a_visitor_is_asked_to_log_in(client: Client, till: Till, part: str) -> None:
    answer = client.get(f"/till/{till.pk}{part}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    ("role", "status"), [("Owner", 200), ("Manager", 200), ("Employee", 200), ("Cashier", 200), ("Guest", 403)]
)
def test_a_role_opens_the_till_or_not(store: Store, till: Till, role: str, status: int) -> None:
    assert visitor(store, role).get(f"/till/{till.pk}").status_code == status


def test_a_guest_charges_nothing(connected_store: Store, till: Till) -> None:
    answer = visitor(connected_store, "Guest").post(f"/till/{till.pk}", {"amount": "5", "currency": "USD"})
    assert answer.status_code == 403
    assert not Invoice.objects.exists()


def test_a_cashier_with_one_till_lands_on_it(cashier: Client, till: Till) -> None:
    assert cashier.get("/")["Location"] == "/till"
    assert cashier.get("/till")["Location"] == f"/till/{till.pk}"


def test_a_cashier_with_several_chooses_among_open_ones(cashier: Client, store: Store, till: Till) -> None:
    bar = till_save(store=store, name="Bar", currency=SAT, actor="alice")
    closed = till_save(store=store, name="Old one", currency=SAT, actor="alice")
    till_archive(till=closed, actor="alice")
    page = cashier.get("/till").content.decode()
    assert till.pk in page
    assert bar.pk in page
    assert closed.pk not in page


def test_a_cashier_without_a_till_is_told_so(cashier: Client) -> None:
    assert "There is no till for you yet" in cashier.get("/till").content.decode()


def test_a_cashier_sees_no_way_into_the_dashboard(cashier: Client, connected_store: Store, till: Till) -> None:
    for part in ("", "/today"):
        assert "/stores/" not in cashier.get(f"/till/{till.pk}{part}").content.decode()
    assert cashier.get(f"/stores/{connected_store.pk}/tills")["Location"] == "/till"
    for part in ("/new", f"/{till.pk}", f"/{till.pk}/archive", f"/{till.pk}/share"):
        assert cashier.post(f"/stores/{connected_store.pk}/tills{part}", {"name": "Mine"}).status_code == 403
    assert Till.objects.get().name == "Counter"


def test_an_owner_who_is_a_cashier_elsewhere_lands_in_their_own_store(
    client: Client, store: Store, charlie: User
) -> None:
    member_add(store, charlie, "Cashier")
    own = Store.objects.get(name="Charlie's kiosk")
    client.force_login(charlie)
    assert client.get("/")["Location"] == f"/stores/{own.pk}"
    assert store.name not in client.get(f"/stores/{own.pk}").content.decode()


def test_the_day_adds_up_what_was_paid_by_currency(connected_store: Store, till: Till) -> None:
    pay(sale_create(till=till, keyed=Keyed(10_00, USD, 1_00, 10), cashier="bob@example.com"))
    pay(sale_create(till=till, keyed=Keyed(5_00, USD), cashier="alice@example.com"))
    pay(sale_create(till=till, keyed=Keyed(1_000, SAT, 21), cashier="bob@example.com"))
    sale_create(till=till, keyed=Keyed(99_00, USD, 9_00), cashier="bob@example.com")
    day = sales_today(till, timezone.now())
    assert [(one.currency, one.count, one.total, one.tips) for one in day.sums] == [
        ("SAT", 1, 1_021, 21),
        ("USD", 2, 16_00, 1_00),
    ]
    assert {sale.who for sale in day.sales} == {"bob@example.com", "alice@example.com"}
    assert [sale.state for sale in day.sales] == ["New", "Settled", "Settled", "Settled"]


def test_what_came_by_the_share_link_belongs_to_the_tills_day(connected_store: Store, till: Till) -> None:
    till_share(till=till, shared=True, actor="alice")
    pay(pay_link_pay(link=till.link, keyed=Keyed(10_00, USD, 1_50, 15)))
    (sale,) = sales_today(till, timezone.now()).sales
    assert (sale.who, sale.tip) == ("", 1_50)


def test_a_day_begins_at_midnight_where_the_store_is(cashier: Client, connected_store: Store, till: Till) -> None:
    Store.objects.update(time_zone="America/Jamaica")
    till.store.refresh_from_db()
    sale = sale_create(till=till, keyed=Keyed(1_000, SAT), cashier="bob@example.com")
    now = datetime(2026, 6, 2, 6, 0, tzinfo=UTC)  # one o'clock at night in Jamaica
    for at, listed in ((now - timedelta(minutes=59), True), (now - timedelta(minutes=61), False)):
        Invoice.objects.filter(pk=sale.pk).update(created_at=at, expires_at=at + timedelta(minutes=15))
        assert bool(sales_today(till, now).sales) is listed


def test_a_cashier_sees_the_tills_own_day_alone(
    cashier: Client, owner: Client, connected_store: Store, till: Till
) -> None:
    bar = till_save(store=connected_store, name="Bar", currency=SAT, actor="alice")
    sale_create(till=bar, keyed=Keyed(4_321, SAT), cashier="alice@example.com")
    sale_create(till=till, keyed=Keyed(1_234, SAT), cashier="bob@example.com", note="Table 4")
    page = cashier.get(f"/till/{till.pk}/today").content.decode()
    assert "1,234" in page
    assert "Table 4" in page
    assert "4,321" not in page


def test_metadata_that_a_program_wrote_over_breaks_no_day(connected_store: Store, till: Till) -> None:
    sale = sale_create(till=till, keyed=Keyed(1_000, SAT, 21), cashier="bob@example.com")
    for odd in ([], {"posData": 3}, {"posData": {"tip": "much", "currency": "SAT"}}, {"posData": {"tip": 1e99}}):
        Invoice.objects.filter(pk=sale.pk).update(metadata=odd)
        assert sales_today(till, timezone.now()).sales[0].tip == 0


def test_the_page_of_today_is_empty_tomorrow(cashier: Client, connected_store: Store, till: Till) -> None:
    sale_create(till=till, keyed=Keyed(1_234, SAT), cashier="bob@example.com")
    assert "1,234" in cashier.get(f"/till/{till.pk}/today").content.decode()
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        assert "No sale yet today" in cashier.get(f"/till/{till.pk}/today").content.decode()


def test_a_cashier_hears_nothing_of_the_store(cashier: Client, owner: Client, store: Store) -> None:
    """Its news names records by the ids that open them."""
    assert cashier.get(f"/events/store:{store.pk}").status_code == 404
    # Allowed, and told that another process serves the stream.
    assert owner.get(f"/events/store:{store.pk}").status_code == 503
