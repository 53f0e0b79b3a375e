"""Sending what is due: at least once, in practice once, and never for ever.

A row is taken by a conditional update with a lease before the mail server hears of it, and marked afterwards. A crash in
between sends it a second time after the lease, under the same Message-ID. One run at a time: a mail server that hangs
occupies one worker and not all of them. A refusal of the address ends a mail; everything else is tried again for a day.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

import redis
import redis.lock
import structlog
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from flashpay import live
from flashpay.notices.judging import not_worth_sending
from flashpay.notices.kinds import KINDS
from flashpay.notices.letters import letter_for, message_for
from flashpay.notices.models import Kind, Mail, MailState

log = structlog.get_logger(__name__)

# Rows looked at in one run, and how long a run goes on; the next one comes seconds later.
BATCH: Final = 100
RUN_S: Final = 25.0
# Longer than the slowest answer of a mail server (EMAIL_TIMEOUT) by far.
LEASE: Final = timedelta(minutes=5)
_LOCK = "flashpay:mail"
_LOCK_S = 80
_AGAIN_AFTER: Final = [timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 240)]
_REASON_LENGTH = 500

# With this answer a server also ends the connection (RFC 5321, 4.2.3).
_CLOSING = 421

NO_SERVER = "The mail server could not be reached or refused to talk: {}"
BROKE_OFF = "The mail server broke off in the middle: {}"
REFUSED = "The address was refused: {}"
NOT_TAKEN = "The mail server did not take the mail: {}"


class _Outcome(Enum):
    SENT = auto()
    REFUSED = auto()
    # The connection is of no use any more.
    BROKE_OFF = auto()


def mail_send_due(*, clock: Callable[[], datetime] = timezone.now) -> int:
    """Send what is due, and say how many mails went out. Returns at once where another run is at it."""
    lock = live.connection().lock(_LOCK, timeout=_LOCK_S, blocking=False, thread_local=False)
    try:
        if not lock.acquire():
            return 0
    except redis.RedisError:
        log.warning("mail waits, Redis is away")
        return 0
    try:
        return _run(clock)
    finally:
        live.lock_release(lock)


def _run(clock: Callable[[], datetime]) -> int:
    began = time.monotonic()
    due = Mail.objects.filter(state=MailState.WAITING, due_at__lte=clock()).order_by("due_at", "pk")
    mails = list(due.select_related("store", "rule")[:BATCH])
    mails = [mail for mail in mails if not _skip(mail)]
    if not mails:
        return 0
    server, problem = _connect()
    sent = 0
    for group in _letters(mails):
        if time.monotonic() - began > RUN_S:
            break
        if server is None:
            _put_off(group, NO_SERVER.format(problem), clock())
            continue
        taken = [mail for mail in group if _take(mail, clock())]
        if not taken:
            continue
        outcome = _send(taken, server, clock)
        sent += outcome is _Outcome.SENT
        if outcome is _Outcome.BROKE_OFF:
            server.close()
            server, problem = _connect()
    if server is not None:
        server.close()
    return sent


def _letters(mails: Sequence[Mail]) -> list[list[Mail]]:
    """What goes out together: the gathered mails of one rule, and every other by itself."""
    letters: list[list[Mail]] = []
    gathered: dict[str, list[Mail]] = {}
    for mail in mails:
        if mail.rule is None or not mail.rule.daily or mail.kind == Kind.RECEIPT or KINDS[mail.kind].serious:
            letters.append([mail])
        elif mail.rule.pk in gathered:
            gathered[mail.rule.pk].append(mail)
        else:
            gathered[mail.rule.pk] = [mail]
            letters.append(gathered[mail.rule.pk])
    return letters


def _connect() -> tuple[BaseEmailBackend | None, str]:
    server = get_connection()
    try:
        server.open()
        talk = getattr(server, "connection", None)
        if isinstance(talk, smtplib.SMTP):
            # A server that takes the connection and then says nothing is found out here, once and not with every mail.
            talk.ehlo_or_helo_if_needed()
    except (smtplib.SMTPException, OSError) as error:
        return None, words_of(error)
    return server, ""


def _skip(mail: Mail) -> bool:
    reason = not_worth_sending(mail)
    if not reason:
        return False
    Mail.objects.filter(pk=mail.pk, state=MailState.WAITING).update(state=MailState.SKIPPED, reason=reason)
    return True


def _take(mail: Mail, now: datetime) -> bool:
    """Take the row for one try; False when it was taken or sent in the meantime."""
    mine = Mail.objects.filter(pk=mail.pk, state=MailState.WAITING, due_at=mail.due_at)
    taken = mine.update(due_at=now + LEASE, tries=mail.tries + 1) == 1
    mail.tries += taken
    return taken


def _send(mails: list[Mail], server: BaseEmailBackend, clock: Callable[[], datetime]) -> _Outcome:
    """Hand one letter to the server, and mark its rows."""
    letter = letter_for(mails)
    message = message_for(mails, letter, server)
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()), (550, b""))
        return _refused(mails, REFUSED, code, _plain(answer), clock())
    except smtplib.SMTPDataError as error:
        return _refused(mails, NOT_TAKEN, error.smtp_code, _plain(error.smtp_error), clock())
    except ValueError as error:
        # Django found a header or an address that cannot be written (BadHeaderError and its kin).
        _fail(mails, NOT_TAKEN.format(str(error)))
        return _Outcome.REFUSED
    except (smtplib.SMTPException, OSError) as error:
        _put_off(mails, BROKE_OFF.format(words_of(error)), clock(), tried=True)
        return _Outcome.BROKE_OFF
    else:
        rows = Mail.objects.filter(pk__in=[mail.pk for mail in mails])
        rows.update(
            state=MailState.SENT, sent_at=clock(), reason="", subject=letter.subject[:200], sent_with=mails[0].pk
        )
        Mail.objects.filter(pk=mails[0].pk).update(text=str(message.body), sent_with=None)
        return _Outcome.SENT


def _refused(mails: list[Mail], sentence: str, code: int, answer: str, now: datetime) -> _Outcome:
    """5xx is the server's last word, 4xx (greylisting, a full box) is worth another try (RFC 5321, 4.2.1)."""
    said = sentence.format(f"{code} {answer}".strip())
    if code >= 500:
        _fail(mails, said)
    else:
        _put_off(mails, said, now, tried=True)
    return _Outcome.BROKE_OFF if code == _CLOSING else _Outcome.REFUSED


def _fail(mails: Sequence[Mail], reason: str) -> None:
    log.warning("mail failed", mails=[mail.pk for mail in mails])
    Mail.objects.filter(pk__in=[mail.pk for mail in mails], state=MailState.WAITING).update(
        state=MailState.FAILED, reason=reason[:_REASON_LENGTH]
    )


def _put_off(mails: Sequence[Mail], reason: str, now: datetime, *, tried: bool = False) -> None:
    """To be tried again later; given up once its day is over."""
    for mail in mails:
        if now >= mail.give_up_at:
            _fail([mail], f"Given up after a day. {reason}")
            continue
        tries = mail.tries if tried else mail.tries + 1
        wait = _AGAIN_AFTER[min(tries, len(_AGAIN_AFTER)) - 1]
        Mail.objects.filter(pk=mail.pk, state=MailState.WAITING).update(
            due_at=min(now + wait, mail.give_up_at), tries=tries, reason=reason[:_REASON_LENGTH]
        )


def words_of(error: Exception) -> str:
    """What a mail server's answer, or its silence, comes to."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refused the user name or password ({error.smtp_code} {_plain(error.smtp_error)})."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_plain(error.smtp_error)}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "it did not answer in time."
    return str(error) or type(error).__name__


def _plain(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())[:300]
