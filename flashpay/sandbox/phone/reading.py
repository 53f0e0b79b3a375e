"""Understanding whatever text a phone's camera or clipboard brings."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from flashpay.sandbox.lnurl_text import lnurl_decode
from flashpay.sandbox.node import ReadInvoice, Undecodable, invoice_read

ADDRESS = re.compile(r"(?P<user>[a-z0-9\-_.]+(\+[a-z0-9\-_.]+)?)@(?P<host>[a-z0-9.\-]+(:[0-9]{1,5})?)")
_INVOICE_START = re.compile(r"ln(bcrt|tbs|bc|tb)[0-9]", re.IGNORECASE)
_LOOPBACK_NAMES = {"localhost", "::1"}
_LOOPBACK_IPV4 = re.compile(r"127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}")


class PhoneRefused(Exception):
    """The phone cannot do this; the message is for its user."""


@dataclass(frozen=True)
class Reading:
    """A BOLT 11 invoice, or the URL behind an LNURL or a Lightning Address. Exactly one of the two is set."""

    invoice: ReadInvoice | None = None
    url: str | None = None
    address: str | None = None


def text_read(text: str) -> Reading:
    """What the text is. Raises PhoneRefused."""
    try:
        return _text_read(text.strip())
    except ValueError as error:  # a URL with a broken host, among others
        raise PhoneRefused("The address inside this code is broken.") from error


def _text_read(text: str) -> Reading:
    for prefix in ("lightning://", "lightning:"):
        if text.lower().startswith(prefix):
            text = text[len(prefix) :]
            break
    lower = text.lower()
    if not text:
        raise PhoneRefused("There is nothing to read.")
    if lower.startswith("lnurl1"):
        try:
            return Reading(url=url_checked(lnurl_decode(text)))
        except ValueError as error:
            raise PhoneRefused(str(error)) from error
    if lower.startswith(("lnurlw://", "lnurlp://")):
        return Reading(url=url_checked(_scheme_resolved(text)))
    if lower.startswith(("http://", "https://", "bitcoin:")):
        return _carried(text)
    if _INVOICE_START.match(text):
        try:
            return Reading(invoice=invoice_read(text))
        except Undecodable as error:
            raise PhoneRefused("This invoice is damaged: a letter is missing or wrong.") from error
    address = ADDRESS.fullmatch(lower)
    if address:
        url = f"http://{address['host']}/.well-known/lnurlp/{quote(address['user'])}"
        return Reading(url=url_checked(url), address=lower)
    raise PhoneRefused("This is neither an invoice, nor an LNURL, nor a Lightning Address.")


def _scheme_resolved(text: str) -> str:
    """LUD-17: the scheme stands for https; on this machine itself, for http."""
    rest = text.split("://", 1)[1]
    host = urlsplit(f"//{rest}").hostname or ""
    return f"{'http' if _is_loopback(host) else 'https'}://{rest}"


def _carried(text: str) -> Reading:
    """LUD-01: a link may carry the code in its `lightning` parameter."""
    for key, value in parse_qsl(urlsplit(text).query):
        if key.lower() == "lightning" and not value.lower().startswith(("http", "bitcoin:")):
            return text_read(value)
    if _is_loopback(urlsplit(text).hostname or ""):
        return Reading(url=url_checked(text))  # some pages answer a wallet with LNURL and a browser with HTML
    raise PhoneRefused("This link carries no Lightning code.")


def _is_loopback(host: str) -> bool:
    return host.lower() in _LOOPBACK_NAMES or bool(_LOOPBACK_IPV4.fullmatch(host))


def url_checked(url: str) -> str:
    """The URL, if this phone may fetch it. Raises PhoneRefused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PhoneRefused("The address inside this code is broken.") from error
    if parts.scheme not in ("http", "https") or parts.username is not None or port == 0:
        raise PhoneRefused("The address inside this code is not a web address.")
    if not _is_loopback(parts.hostname or ""):
        raise PhoneRefused(f"This pretend phone only talks to this machine, not to {parts.hostname or 'nowhere'}.")
    return urlunsplit(parts)
