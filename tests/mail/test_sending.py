"""Mail on its way: a real mail server on the loopback address that takes it, refuses it, breaks off or says nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from flashpay import live
from flashpay.brand.services import brand_save
from flashpay.invoices.models import Invoice
from flashpay.money.currencies import USD, currency_get
from flashpay.notices import sending
from flashpay.notices.models import Mail, MailRule, MailState
from flashpay.notices.selectors import mail_failures, mail_waits
from flashpay.notices.sending import mail_send_due
from flashpay.notices.services import mail_rule_delete, mail_rule_save, mail_settings_save, mail_test, mails_forget
from flashpay.stores.events import event_record
from flashpay.stores.models import Store, WalletConnection
from tests.brand.pictures import picture
from tests.environment import free_port
from tests.mail.conftest import ALICE, mail_settings_use
from tests.mail.smtp_server import MailServer

Sale = Callable[..., Invoice]
RuleFor = Callable[..., MailRule]


def send(after: timedelta = timedelta()) -> int:
    """One run of the sender, `after` from now."""
    at = timezone.now() + after
    return mail_send_due(clock=lambda: at)


def only_mail() -> Mail:
    return Mail.objects.get()


def parts(message: EmailMessage) -> dict[str, str]:
    found = {}
    for part in message.walk():
        if part.get_content_maintype() == "text":
            found[part.get_content_type()] = part.get_content().replace("\xa0", " ").replace("\r\n", "\n")
    return found


def test_a_sale_is_told_in_text_and_html_with_both_amounts_and_the_way_to_end_it(
    store: Store, sale: Sale, rule_for: RuleFor, mail_server: MailServer
) -> None:
    rule_for("paid")
    Store.objects.filter(pk=store.pk).update(time_zone="America/Jamaica")
    invoice = sale(amount=1234, currency=USD, description="Blue Mountain, 1 lb", order_id="A-17")
    assert send() == 1
    [message] = mail_server.taken
    assert mail_server.envelopes[0][1] == ["shop@example.com"]
    sats = f"{invoice.received_msat // 1000:,} sat"
    assert message["Subject"].replace("\xa0", " ") == f"Paid: $12.34 ({sats}) · Alice's café"
    assert message["From"].addresses[0].display_name == "Alice's café"
    text, html = parts(message)["text/plain"], parts(message)["text/html"]
    for words in (text, html):
        assert f"$12.34 ({sats})" in words
        assert "Blue Mountain, 1 lb" in words
        assert "A-17" in words
        assert " EST" in words
        assert f"/stores/{store.pk}/invoices/{invoice.pk}" in words
        assert f"/stores/{store.pk}/settings/mail" in words
        assert "/mail/stop/" in words
    assert "/mail/stop/" in message["List-Unsubscribe"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    mail = only_mail()
    assert (mail.state, mail.subject, mail.tries) == (MailState.SENT, message["Subject"], 1)
    assert mail.text.replace("\xa0", " ").strip() == text.strip()


def test_money_without_an_amount_and_too_much_of_it_are_told_in_both_currencies(
    sale: Sale, rule_for: RuleFor, mail_server: MailServer
) -> None:
    rule_for("paid", "paid_over")
    gift = sale(amount=None, currency=USD, paid_sat=10_000)
    assert gift.rate is not None
    cents = int(gift.rate * 10_000 // 1_000_000)
    over = sale(amount=1000, currency=USD, paid_sat=100_000)
    assert over.rate is not None
    assert send() == 2
    subjects = [message["Subject"].replace("\xa0", " ").strip() for message in mail_server.taken]
    assert subjects[0].startswith(f"Paid: ${cents / 100:.2f} (10,000 sat)")
    assert subjects[1].startswith(f"Paid too much: ${int(over.rate * 100_000 // 1_000_000) / 100:.2f} (100,000 sat)")


def test_what_was_sent_is_not_sent_again(sale: Sale, rule_for: RuleFor, mail_server: MailServer) -> None:
    rule_for("paid")
    sale()
    assert [send(), send(timedelta(hours=2))] == [1, 0]
    assert len(mail_server.taken) == 1


def test_the_receipt_speaks_the_buyers_language_and_carries_the_look_of_the_store(
    store: Store, sale: Sale, mail_server: MailServer
) -> None:
    brand_save(store=store, color="#f7931a", logo_data=picture(), actor=ALICE)
    Store.objects.filter(pk=store.pk).update(website="https://cafe.example")
    invoice = sale(metadata={"buyerEmail": "buyer@example.com"})
    send()
    [message] = mail_server.taken
    assert message["Subject"] == "Your receipt from Alice's café"
    assert "List-Unsubscribe" not in message
    html = parts(message)["text/html"]
    assert "background: #f7931a; color: #000000" in html
    assert 'src="cid:logo"' in html
    assert "http" not in html.partition('src="')[2].partition('"')[0], "nothing is fetched when it is read"
    logo = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert logo["Content-ID"] == "<logo>"
    for words in parts(message).values():
        assert f"/i/{invoice.pk}/receipt" in words
        assert "https://cafe.example" in words
        assert "/stores/" not in words


def test_what_strangers_wrote_stays_text_and_never_becomes_a_header(
    store: Store, sale: Sale, rule_for: RuleFor, mail_server: MailServer
) -> None:
    rule_for("paid")
    Store.objects.filter(pk=store.pk).update(name="Café\r\nBcc: victim@example.com")
    sale(description="<script>alert(1)</script>\r\n.\r\nRCPT TO:<victim@example.com>")
    assert send() == 1
    [message] = mail_server.taken
    assert message["Bcc"] is None
    assert mail_server.envelopes[0][1] == ["shop@example.com"]
    assert "<script>" not in parts(message)["text/html"]


def test_a_refused_address_ends_the_mail_and_says_why(
    store: Store, sale: Sale, rule_for: RuleFor, mail_server: MailServer
) -> None:
    rule_for("paid", address="gone@example.com")
    rule_for("paid")
    mail_server.refused["gone@example.com"] = "550 5.1.1 No such user"
    sale()
    assert send() == 1
    gone = Mail.objects.get(address="gone@example.com")
    assert (gone.state, gone.reason) == (MailState.FAILED, "The address was refused: 550 5.1.1 No such user")
    assert mail_failures(store) == 1
    assert len(mail_server.taken) == 1
    assert send(timedelta(hours=5)) == 0


def test_a_buyers_wrong_address_waits_for_nobody(store: Store, sale: Sale, mail_server: MailServer) -> None:
    mail_server.refused["buyer@example.com"] = "550 No such user"
    sale(metadata={"buyerEmail": "buyer@example.com"})
    send()
    assert only_mail().state == MailState.FAILED
    assert mail_failures(store) == 0


def test_greylisting_is_waited_out(sale: Sale, rule_for: RuleFor, mail_server: MailServer) -> None:
    rule_for("paid")
    mail_server.refused["shop@example.com"] = "450 4.2.0 Greylisted, try again later"
    sale()
    assert send() == 0
    mail = only_mail()
    assert mail.state == MailState.WAITING
    assert "Greylisted" in mail.reason
    assert send(timedelta(seconds=30)) == 0
    mail_server.refused.clear()
    assert send(timedelta(minutes=2)) == 1
    assert only_mail().tries == 2


def test_mail_taken_for_spam_is_not_sent_over_and_over(sale: Sale, rule_for: RuleFor, mail_server: MailServer) -> None:
    rule_for("paid")
    mail_server.after_data = "554 5.7.1 Looks like spam"
    sale()
    send()
    assert (only_mail().state, only_mail().tries) == (MailState.FAILED, 1)
    assert "Looks like spam" in only_mail().reason


@pytest.mark.parametrize("command", ["MAIL", "DATA", "."])
def test_a_server_that_breaks_off_is_tried_again(
    sale: Sale, rule_for: RuleFor, mail_server: MailServer, command: str
) -> None:
    rule_for("paid")
    mail_server.breaks_at = command
    sale()
    assert send() == 0
    assert (only_mail().state, only_mail().tries) == (MailState.WAITING, 1)
    mail_server.breaks_at = ""
    assert send(timedelta(minutes=2)) == 1
    [message] = mail_server.taken
    assert message["Message-ID"].startswith(f"<mail-{only_mail().pk}-")


def test_after_one_that_broke_off_the_others_still_go_out(
    sale: Sale, rule_for: RuleFor, mail_server: MailServer
) -> None:
    rule_for("paid")
    rule_for("paid", address="second@example.com")
    mail_server.refused["shop@example.com"] = "421 4.3.2 Closing"
    sale()
    assert send() == 1
    assert Mail.objects.get(address="second@example.com").state == MailState.SENT
    assert Mail.objects.get(address="shop@example.com").state == MailState.WAITING


def test_a_server_that_says_nothing_costs_one_wait_and_not_one_for_each_mail(
    sale: Sale, rule_for: RuleFor, mail_server: MailServer, settings: Any
) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    for number in range(4):
        rule_for("paid", address=f"{number}@example.com")
    mail_server.silent_at = "EHLO"
    sale()
    assert send() == 0
    assert len(mail_server.commands) == 1
    assert set(Mail.objects.values_list("state", "tries")) == {(MailState.WAITING, 1)}
    assert "did not answer in time" in Mail.objects.all()[0].reason


def test_a_server_that_is_away_is_tried_for_a_day_and_then_the_mail_is_given_up(
    store: Store, sale: Sale, rule_for: RuleFor, settings: Any
) -> None:
    mail_settings_use(settings, f"smtp://127.0.0.1:{free_port()}")
    rule_for("paid")
    sale()
    tries, waited = [], timedelta()
    while only_mail().state == MailState.WAITING and len(tries) < 30:
        send(waited)
        tries.append(only_mail().tries)
        waited = only_mail().due_at - timezone.now() + timedelta(seconds=1)
        if only_mail().state == MailState.WAITING:
            assert mail_waits(store) == only_mail()
    assert 6 < len(tries) < 15
    mail = only_mail()
    assert (mail.state, mail.reason.startswith("Given up after a day.")) == (MailState.FAILED, True)
    assert timedelta(hours=23) < waited < timedelta(hours=26)
    assert mail_failures(store) == 1


def test_a_wrong_password_is_said_as_such(sale: Sale, rule_for: RuleFor, mail_server: MailServer) -> None:
    mail_server.greeting = "535 5.7.8 Bad credentials"
    rule_for("paid")
    sale()
    send()
    assert "535 5.7.8 Bad credentials" in only_mail().reason
    assert only_mail().state == MailState.WAITING


def test_a_sender_that_died_in_the_middle_leaves_the_mail_to_the_next(
    sale: Sale, rule_for: RuleFor, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule_for("paid")
    sale()

    class Killed(BaseException):
        """As if the process had ended here."""

    def killed(*_args: object, **_kwargs: object) -> bool:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(sending, "_send", killed)
        with pytest.raises(Killed):
            send()
    assert send() == 0, "somebody may still be at it"
    assert send(sending.LEASE + timedelta(seconds=1)) == 1
    assert len(mail_server.taken) == 1


def test_a_second_run_stands_aside(sale: Sale, rule_for: RuleFor, mail_server: MailServer) -> None:
    rule_for("paid")
    sale()
    lock = live.connection().lock("flashpay:mail", timeout=30)
    assert lock.acquire(blocking=False)
    assert send() == 0
    lock.release()
    assert send() == 1


def test_a_day_is_gathered_in_one_mail(store: Store, sale: Sale, rule_for: RuleFor, mail_server: MailServer) -> None:
    rule_for("paid", "paid_late", daily=True)
    for _ in range(3):
        sale()
    sale(late=True)
    assert send() == 0
    assert send(timedelta(hours=25)) == 1
    [message] = mail_server.taken
    assert message["Subject"] == "4 things since yesterday · Alice's café"
    text = parts(message)["text/plain"]
    assert "An invoice is paid: 3" in text
    assert text.count("5,000 sat") == 4
    assert set(Mail.objects.values_list("state", flat=True)) == {MailState.SENT}
    first, *others = Mail.objects.order_by("pk")
    assert first.text
    assert {mail.sent_with_id for mail in others} == {first.pk}


# --- What need not be sent any more ---------------------------------------------------------------------------------


def test_a_payment_below_the_rules_minimum_is_not_worth_mail(
    sale: Sale, rule_for: RuleFor, mail_server: MailServer
) -> None:
    rule_for("paid", minimum=1000, minimum_currency=USD)
    rule_for("paid", address="eur@example.com", minimum=500_000, minimum_currency=currency_get("JMD"))
    sale(amount=999, currency=USD)
    assert send() == 0
    assert set(Mail.objects.values_list("state", flat=True)) == {MailState.SKIPPED}
    sale(amount=1000, currency=USD)
    assert send() == 1
    assert mail_server.envelopes[0][1] == ["shop@example.com"]


def test_a_rule_that_is_gone_or_off_sends_nothing_any_more(
    store: Store, sale: Sale, rule_for: RuleFor, mail_server: MailServer
) -> None:
    deleted, off = rule_for("paid"), rule_for("paid", address="off@example.com")
    sale()
    mail_rule_delete(rule=deleted, actor=ALICE)
    mail_rule_save(store=store, rule=off, address=off.address, kinds=off.kinds, active=False, actor=ALICE)
    assert send() == 0
    assert set(Mail.objects.values_list("state", flat=True)) == {MailState.SKIPPED}
    assert not mail_server.taken


def test_a_wallet_that_came_back_within_ten_minutes_wakes_nobody(
    connected_store: Store, rule_for: RuleFor, mail_server: MailServer
) -> None:
    rule_for("wallet_broken")
    wallet = WalletConnection.objects.get(store=connected_store)
    rows = WalletConnection.objects.filter(pk=wallet.pk)
    for trouble in ("", "Flash does not accept the key."):
        rows.update(last_error=trouble)
        event_record(row=wallet, type="WalletTrouble", at=timezone.now())
        assert send(timedelta(minutes=9)) == 0
        send(timedelta(minutes=11))
    [message] = mail_server.taken
    assert "Flash does not accept the key." in parts(message)["text/plain"]
    assert list(Mail.objects.order_by("pk").values_list("state", flat=True)) == [MailState.SKIPPED, MailState.SENT]


def test_receipts_switched_off_in_between_are_not_sent(store: Store, sale: Sale, mail_server: MailServer) -> None:
    sale(metadata={"buyerEmail": "buyer@example.com"})
    mail_settings_save(store=store, receipts_to_buyers=False, low_balance_cents=None, actor=ALICE)
    assert send() == 0
    assert only_mail().state == MailState.SKIPPED


# --- The rest -------------------------------------------------------------------------------------------------------


def test_a_test_goes_out_at_once(store: Store, mail_server: MailServer) -> None:
    mail_test(store=store, to="alice@example.com")
    [message] = mail_server.taken
    assert message["Subject"] == "Test from Alice's café"
    assert not Mail.objects.exists()


def test_old_mail_is_forgotten_but_not_what_still_waits(sale: Sale, rule_for: RuleFor, mail_server: MailServer) -> None:
    rule_for("paid")
    old = timezone.now() - timedelta(days=91)
    sale()
    send()
    sale()
    Mail.objects.update(created_at=old)
    assert mails_forget() == 1
    assert only_mail().state == MailState.WAITING


def test_a_real_worker_sends_what_an_event_asked_for(
    sale: Sale, rule_for: RuleFor, start_program: Callable[..., Any]
) -> None:
    with MailServer() as server:
        rule_for("paid")
        worker = start_program(
            *("-m", "celery", "-A", "flashpay", "worker", "--loglevel=INFO", "--concurrency=1"),
            *("--without-gossip", "--without-mingle"),
            ready=" ready.",
            env={"EMAIL_URL": server.url},
        )
        sale()
        worker.wait_for("send_due_mail")
        [message] = server.wait_for(1)
    assert message["Subject"].replace("\xa0", " ").startswith("Paid: 5,000 sat")
