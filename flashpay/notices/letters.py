"""What stands in a mail: a heading, sentences, facts, a button, and why it came. Text and HTML say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.mime.image import MIMEImage
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from flashpay.brand.models import PictureSize
from flashpay.brand.selectors import logo_png, look_of
from flashpay.notices import wording
from flashpay.notices.models import Kind, Mail, MailRule
from flashpay.notices.wording import Words
from flashpay.stores.models import Store

STOP_SALT = "flashpay.notices.stop"
_SUBJECT_LENGTH = 150
_LOGO_ID = "logo"


@dataclass(frozen=True)
class Letter:
    """`why` says why it came; `stop_link` ends it."""

    subject: str
    words: Words
    why: str
    settings_link: str = ""
    stop_link: str = ""
    language: str = "en"
    headers: dict[str, str] = field(default_factory=dict)


def letter_for(mails: Sequence[Mail]) -> Letter:
    """The letter about one mail, or about a day's mails of one rule. Reads the records as they are now."""
    first = mails[0]
    if first.kind == Kind.RECEIPT:
        with translation.override(first.language or settings.LANGUAGE_CODE):
            return _receipt(first)
    # The dashboard speaks English, and so does what leads there.
    with translation.override(settings.LANGUAGE_CODE):
        return _for_rule(mails)


def message_for(
    mails: Sequence[Mail], letter: Letter, connection: BaseEmailBackend | None = None
) -> EmailMultiAlternatives:
    """The letter as a mail. Its Message-ID is the row's, so that one sent twice after a crash is known as one."""
    first = mails[0]
    headers = {"Message-ID": f"<mail-{first.pk}-{first.entity_id}@{_domain()}>", "Auto-Submitted": "auto-generated"}
    return message_of(
        letter, store=first.store, to=first.address, headers=headers | letter.headers, connection=connection
    )


def message_of(
    letter: Letter,
    *,
    store: Store,
    to: str,
    headers: dict[str, str] | None = None,
    connection: BaseEmailBackend | None = None,
) -> EmailMultiAlternatives:
    """Text and HTML, with the store's colour and its logo inside: nothing is fetched when it is read."""
    look = look_of(store)
    logo = logo_png(look.logo_hash, PictureSize.PAGE)
    page = {"letter": letter, "words": letter.words, "store": store, "look": look, "logo_id": _LOGO_ID if logo else ""}
    with translation.override(letter.language):
        text, html = render_to_string("mail/letter.txt", page), render_to_string("mail/letter.html", page)
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=text,
        from_email=_sender(store),
        to=[to],
        headers=headers,
        connection=connection,
    )
    message.attach_alternative(html, "text/html")
    if logo:
        # The stubs are ahead of Django 5.2, where this makes the picture a part of the HTML and not a file beside it.
        message.mixed_subtype = "related"  # type: ignore[attr-defined]
        picture = MIMEImage(logo)
        picture.add_header("Content-ID", f"<{_LOGO_ID}>")
        picture.add_header("Content-Disposition", "inline", filename="logo.png")
        message.attach(picture)
    return message


def test_letter(store: Store) -> Letter:
    """What the button “Send me a test” sends."""
    words = Words(
        subject=f"Test from {store.name}",
        heading="Mail works",
        sentences=(f"This is a test of the mail of {store.name}. You need not do anything.",),
        button="Mail settings",
        link=settings_link(store),
    )
    return Letter(
        subject=_one_line(words.subject),
        words=words,
        why="You asked for it in the settings of the store.",
    )


def settings_link(store: Store) -> str:
    return settings.PUBLIC_URL + reverse("dashboard:mail", args=[store.pk])


def stop_link(rule: MailRule) -> str:
    """Whoever reads the address may stop the mail, without logging in."""
    return settings.PUBLIC_URL + reverse("notices:stop", args=[signing.dumps(rule.pk, salt=STOP_SALT)])


def _for_rule(mails: Sequence[Mail]) -> Letter:
    first, rule = mails[0], mails[0].rule
    assert rule is not None
    words = wording.gathered(mails) if len(mails) > 1 else wording.about(first)
    link = stop_link(rule)
    return Letter(
        subject=_one_line(f"{words.subject} · {first.store.name}"),
        words=words,
        why=f"You get this because {rule.address} stands in the mail settings of {first.store.name}.",
        settings_link=settings_link(first.store),
        stop_link=link,
        # RFC 8058: mail programs show a button that ends it.
        headers={"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )


def _receipt(mail: Mail) -> Letter:
    words = wording.receipt(mail)
    return Letter(
        subject=_one_line(words.subject),
        words=words,
        why=_("You get this once, because this address was given for the receipt of your payment at %(store)s.")
        % {"store": mail.store.name},
        language=mail.language or settings.LANGUAGE_CODE,
    )


def _sender(store: Store) -> str:
    """The deployment's address under the name of the store."""
    _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return formataddr((_one_line(store.name), address))


def _domain() -> str:
    _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return Address(addr_spec=address).domain if "@" in address else "localhost"


def _one_line(text: str) -> str:
    """Safe in a header: what strangers wrote may hold line breaks and control characters."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return words if len(words) <= _SUBJECT_LENGTH else words[: _SUBJECT_LENGTH - 1] + "…"
