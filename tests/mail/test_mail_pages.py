"""The pages about mail: the merchant's, the buyer's, and the one behind the link “Stop this mail”."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flashpay.invoices.models import Invoice
from flashpay.notices.letters import STOP_SALT, stop_link
from flashpay.notices.models import Mail, MailRule, MailState
from flashpay.notices.selectors import mail_failures, mail_settings
from flashpay.notices.sending import mail_send_due
from flashpay.notices.services import MOST_RULES, mail_rule_save, receipt_ask
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store, User
from tests.cast import member_add, user_make
from tests.environment import free_port
from tests.mail.conftest import ALICE, mail_settings_use

Sale = Callable[..., Invoice]
RuleFor = Callable[..., MailRule]


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def at(name: str, store: Store, *more: object) -> str:
    return reverse(f"dashboard:{name}", args=[store.pk, *more])


def fields(**changed: Any) -> dict[str, Any]:
    return {
        "address": "shop@example.com",
        "kinds": ["paid", "payout_failed"],
        "amount": "25.50",
        "currency": "USD",
        "daily": "daily",
        "active": "on",
    } | changed


# --- The merchant ---------------------------------------------------------------------------------------------------


def test_a_new_rule_begins_with_what_should_not_be_missed_for_oneself(owner: Client, store: Store) -> None:
    page = owner.get(at("mail_rule_create", store)).content.decode()
    assert 'value="alice@example.com"' in page
    for kind, chosen in (("wallet_broken", True), ("payout_review", True), ("low_balance", True), ("paid", False)):
        assert (f'value="{kind}" checked' in page) is chosen, kind
    assert not MailRule.objects.exists(), "nothing is written to anybody by itself"


def test_an_owner_makes_a_rule_changes_it_and_deletes_it(owner: Client, store: Store) -> None:
    assert owner.post(at("mail_rule_create", store), fields()).status_code == 302
    rule = MailRule.objects.get()
    assert (rule.address, rule.kinds, rule.daily, rule.active) == (
        "shop@example.com",
        ["paid", "payout_failed"],
        True,
        True,
    )
    assert (rule.minimum, rule.minimum_currency) == (2550, "USD")
    page = owner.get(at("mail", store)).content.decode()
    assert "An invoice is paid · A payout does not get through" in page
    assert 'value="25.50"' in owner.get(at("mail_rule", store, rule.pk)).content.decode()
    owner.post(at("mail_rule", store, rule.pk), fields(kinds=["paid_late"], amount="", daily="", active=""))
    rule.refresh_from_db()
    assert (rule.kinds, rule.minimum, rule.daily, rule.active) == (["paid_late"], None, False, False)
    owner.post(at("mail_rule_remove", store, rule.pk))
    assert not MailRule.objects.exists()
    done = list(Event.objects.filter(entity="mailrule").values_list("type", "actor"))
    assert done == [("MailRuleCreated", ALICE), ("MailRuleUpdated", ALICE), ("MailRuleDeleted", ALICE)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"address": "nobody"}, "not an e-mail address"),
        ({"address": "a@example.com, b@example.com"}, "not an e-mail address"),
        ({"address": "a@example.com\r\nBcc: b@example.com"}, "not an e-mail address"),
        ({"kinds": []}, "at least one occasion"),
        ({"kinds": ["receipt"]}, "not one of the available choices"),
        ({"amount": "-5"}, ""),
        ({"amount": "much"}, ""),
        ({"address": "Taken@EXAMPLE.com"}, "a rule for this address already"),
    ],
)
def test_a_wrong_rule_is_refused_at_its_field_and_nothing_is_made(
    owner: Client, store: Store, changed: dict[str, Any], words: str
) -> None:
    mail_rule_save(store=store, address="Taken@example.com", kinds=["paid"], actor=ALICE)
    answer = owner.post(at("mail_rule_create", store), fields(**changed))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert MailRule.objects.count() == 1


def test_a_store_writes_to_a_bounded_number_of_addresses(store: Store) -> None:
    for number in range(MOST_RULES):
        mail_rule_save(store=store, address=f"{number}@example.com", kinds=["paid"], actor=ALICE)
    with pytest.raises(Refusal, match="Delete one first"):
        mail_rule_save(store=store, address="more@example.com", kinds=["paid"], actor=ALICE)
    assert MailRule.objects.count() == MOST_RULES


def test_only_who_may_change_the_store_reads_and_writes_its_mail(
    client: Client, store: Store, bob: User, charlie: User, rule_for: RuleFor
) -> None:
    rule = rule_for("paid")
    for person, status in ((bob, 403), (charlie, 404)):
        client.force_login(person)
        for name, more in (("mail", ()), ("mail_rule", (rule.pk,)), ("mail_rule_create", ())):
            assert client.get(at(name, store, *more)).status_code == status
        assert client.post(at("mail_act", store), {"action": "test"}).status_code == status
        assert client.post(at("mail_rule_remove", store, rule.pk)).status_code == status
    assert MailRule.objects.count() == 1
    assert not outbox.outbox


def test_a_rule_of_another_store_is_not_found(client: Client, charlie: User, rule_for: RuleFor) -> None:
    rule = rule_for("paid")
    own = Store.objects.get(memberships__user=charlie)
    client.force_login(charlie)
    assert client.get(at("mail_rule", own, rule.pk)).status_code == 404
    assert client.post(at("mail_rule_remove", own, rule.pk)).status_code == 404
    assert MailRule.objects.count() == 1


def test_what_holds_for_all_mail_is_kept(owner: Client, store: Store) -> None:
    assert owner.post(at("mail", store), {"low_balance": "1,250.00"}).status_code == 302
    kept = mail_settings(store)
    assert (kept.receipts_to_buyers, kept.low_balance_cents) == (False, 125_000)
    assert owner.post(at("mail", store), {"low_balance": "a lot"}).status_code == 422
    assert mail_settings(store).low_balance_cents == 125_000


def test_a_test_goes_to_whoever_presses_the_button_five_times_at_most(owner: Client, store: Store) -> None:
    for _ in range(6):
        answer = owner.post(at("mail_act", store), {"action": "test"}, follow=True)
    assert [message.to for message in outbox.outbox] == [["alice@example.com"]] * 5
    assert "many requests" in answer.content.decode()


def test_a_test_that_cannot_be_sent_says_what_the_server_said(owner: Client, store: Store, settings: Any) -> None:
    mail_settings_use(settings, f"smtp://127.0.0.1:{free_port()}")
    page = owner.post(at("mail_act", store), {"action": "test"}, follow=True).content.decode()
    assert "The mail server did not take the test" in page
    assert "refused" in page


def test_without_a_mail_server_the_page_says_what_is_missing(owner: Client, store: Store, settings: Any) -> None:
    settings.SANDBOX = False
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = owner.get(at("mail", store)).content.decode()
    assert "EMAIL_URL" in page
    assert "Send me a test" not in page
    owner.post(at("mail_act", store), {"action": "test"})
    assert not outbox.outbox


def test_in_the_sandbox_mail_is_kept_to_be_looked_at(
    owner: Client, store: Store, sale: Sale, rule_for: RuleFor, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SANDBOX = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    rule_for("paid")
    sale(description="<b>bold</b>")
    assert mail_send_due() == 1
    capsys.readouterr()
    page = owner.get(at("mail", store)).content.decode()
    assert "The sandbox sends no mail" in page
    shown = owner.get(at("mail_shown", store, Mail.objects.get().pk)).content.decode()
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown
    assert "Stop this mail" in shown


def test_failures_wait_for_the_merchant_until_somebody_has_seen_them(
    owner: Client, store: Store, sale: Sale, rule_for: RuleFor
) -> None:
    rule_for("paid")
    sale()
    Mail.objects.update(state=MailState.FAILED, reason="The address was refused: 550 No such user")
    assert "1 mail was not delivered" in owner.get(at("store", store)).content.decode()
    page = owner.get(at("mail", store)).content.decode()
    assert "550 No such user" in page
    owner.post(at("mail_act", store), {"action": "seen"})
    assert mail_failures(store) == 0
    assert "was not delivered" not in owner.get(at("store", store)).content.decode()


def test_failures_wait_for_nobody_who_may_not_look_at_them(
    client: Client, connected_store: Store, sale: Sale, rule_for: RuleFor
) -> None:
    rule_for("paid")
    sale()
    Mail.objects.update(state=MailState.FAILED, reason="The address was refused: 550 No such user")
    manager = user_make("dora")
    member_add(connected_store, manager, "Manager")
    client.force_login(manager)
    page = client.get(at("store", connected_store)).content.decode()
    assert "not delivered" not in page
    assert "Nothing. All is well." in page


def test_a_page_lists_many_mails_in_few_queries(
    owner: Client, store: Store, sale: Sale, rule_for: RuleFor, django_assert_max_num_queries: Any
) -> None:
    rule = rule_for("paid")
    now = timezone.now()
    Mail.objects.bulk_create(
        Mail(
            store=store, rule=rule, kind="paid", key=f"paid:{n}", address=rule.address, entity_id=str(n), give_up_at=now
        )
        for n in range(60)
    )
    with django_assert_max_num_queries(16):
        page = owner.get(at("mail", store)).content.decode()
    assert "1–25 of 60" in page


# --- Stopping -------------------------------------------------------------------------------------------------------


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def test_a_look_at_the_link_stops_nothing_and_a_press_does(client: Client, rule_for: RuleFor) -> None:
    rule = rule_for("paid")
    link = path_of(stop_link(rule))
    assert "Stop this mail?" in client.get(link).content.decode()
    rule.refresh_from_db()
    assert rule.active
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(link, {"List-Unsubscribe": "One-Click"})
    assert "It is stopped" in answer.content.decode()
    rule.refresh_from_db()
    assert (rule.active, rule.stopped_at is not None) == (False, True)
    strict.post(link)
    assert Event.objects.filter(type="MailRuleStopped").count() == 1


def test_a_forged_link_stops_nothing(client: Client, rule_for: RuleFor) -> None:
    rule = rule_for("paid")
    for token in (rule.pk, signing.dumps(rule.pk, salt="other"), signing.dumps("nobody", salt=STOP_SALT)):
        assert client.post(reverse("notices:stop", args=[token])).status_code == 404
    rule.refresh_from_db()
    assert rule.active


def test_the_merchant_sees_that_its_reader_stopped_it_and_may_switch_it_on(
    owner: Client, store: Store, rule_for: RuleFor
) -> None:
    rule = rule_for("paid")
    owner.post(path_of(stop_link(rule)))
    assert "Stopped by its reader" in owner.get(at("mail", store)).content.decode()
    owner.post(at("mail_rule", store, rule.pk), fields())
    rule.refresh_from_db()
    assert (rule.active, rule.stopped_at) == (True, None)


# --- The buyer's receipt --------------------------------------------------------------------------------------------


def receipt_page(invoice: Invoice) -> str:
    return reverse("invoices:receipt", args=[invoice.pk])


def wish(client: Client, invoice: Invoice, address: str) -> Any:
    return client.post(reverse("notices:receipt", args=[invoice.pk]), {"address": address})


def test_a_buyer_asks_for_the_receipt_once(client: Client, sale: Sale) -> None:
    invoice = sale()
    for page in (reverse("invoices:checkout", args=[invoice.pk]), receipt_page(invoice)):
        assert "Send me the receipt by e-mail" in client.get(page).content.decode()
    answer = Client(enforce_csrf_checks=True).post(
        reverse("notices:receipt", args=[invoice.pk]), {"address": "buyer@example.com"}, HTTP_ACCEPT_LANGUAGE="fr"
    )
    assert answer["Location"] == receipt_page(invoice)
    page = client.get(receipt_page(invoice)).content.decode()
    assert "on its way to b…@example.com" in page
    assert "buyer@example.com" not in page
    assert wish(client, invoice, "other@example.com").status_code == 422
    mail = Mail.objects.get()
    assert (mail.kind, mail.address, mail.language) == ("receipt", "buyer@example.com", "fr")


def test_a_buyer_whose_address_the_shop_knew_is_not_asked(client: Client, sale: Sale) -> None:
    invoice = sale(metadata={"buyerEmail": "known@example.com"})
    page = client.get(receipt_page(invoice)).content.decode()
    assert "k…@example.com" in page
    assert "Send me the receipt" not in page
    assert wish(client, invoice, "other@example.com").status_code == 422
    assert Mail.objects.get().address == "known@example.com"


@pytest.mark.parametrize("address", ["nobody", "a@example.com,b@example.com", "a@example.com\nBcc: b@example.com", ""])
def test_a_wrong_address_is_said_and_nothing_is_sent(client: Client, sale: Sale, address: str) -> None:
    answer = wish(client, sale(), address)
    assert answer.status_code == 422
    assert 'type="email"' in answer.content.decode()
    assert not Mail.objects.exists()


def test_what_is_not_paid_has_no_receipt(client: Client, sale: Sale) -> None:
    invoice = sale(paid_sat=100)
    assert "Send me the receipt" not in client.get(receipt_page(invoice)).content.decode()
    assert wish(client, invoice, "buyer@example.com").status_code == 422
    assert not Mail.objects.exists()


def test_asking_is_limited_by_visitor(client: Client, sale: Sale) -> None:
    answers = [wish(client, sale(), "victim@example.com").status_code for _ in range(12)]
    assert answers == [302] * 10 + [429] * 2
    assert Mail.objects.count() == 10


def test_two_wishes_at_once_send_one_receipt(sale: Sale) -> None:
    invoice = sale()
    receipt_ask(invoice=invoice, address="one@example.com")
    with pytest.raises(Refusal, match="sent once"):
        receipt_ask(invoice=invoice, address="two@example.com", now=timezone.now() + timedelta(seconds=1))
    assert Mail.objects.count() == 1


def test_administrators_find_mail_and_change_nothing(
    client: Client, alice: User, sale: Sale, rule_for: RuleFor
) -> None:
    rule_for("paid")
    sale()
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    alice.refresh_from_db()
    client.force_login(alice)
    mail = Mail.objects.get()
    for name in ("mail", "mailrule", "mailsettings"):
        assert client.get(reverse(f"admin:notices_{name}_changelist")).status_code == 200
    assert client.get(reverse("admin:notices_mail_change", args=[mail.pk])).status_code == 200
    assert client.post(reverse("admin:notices_mail_delete", args=[mail.pk])).status_code == 403
    assert client.get(reverse("admin:brand_brand_changelist")).status_code == 200
