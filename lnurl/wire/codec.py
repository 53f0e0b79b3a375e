"""How an LNURL is written: bech32 (LUD-01), the schemes of LUD-17, and web links with ``lightning=``.

Everything here turns text into text. Whether the URL inside is one we would visit is decided by ``urls.service_url``.
"""

import re
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from bech32 import bech32_decode, bech32_encode, convertbits

from lnurl.wire.errors import Unreadable

Lud17Kind = Literal["lnurlw", "lnurlp", "lnurlc", "keyauth"]

MAX_LNURL = 4000  # characters; a URL of 2,000 takes 3,219 in bech32

_HRP = "lnurl"
# With or without the slashes (K-17.3), anchored, once: lnurlp://lnurlp.example must keep its host (K-17.1).
_LUD17 = re.compile(r"(lnurlw|lnurlp|lnurlc|keyauth):(?://)?(?=[^/])", re.IGNORECASE)
_LUD17_KINDS: dict[str, Lud17Kind] = {"lnurlw": "lnurlw", "lnurlp": "lnurlp", "lnurlc": "lnurlc", "keyauth": "keyauth"}

_SENTENCES = {
    "lnurl_too_long": "This code is too long to be an LNURL. Nothing was sent. Please copy it again.",
    "lnurl_mixed_case": "This code mixes capital and small letters, so it was changed on the way. Nothing was sent. "
    "Please copy it again.",
    "lnurl": "A character of this code is wrong or missing. Nothing was sent. Please copy or scan it again.",
}


def lnurl_encode(url: str) -> str:
    """Write an absolute URL as an LNURL in capitals, ready for a QR code (LUD-01, S-01.1)."""
    return str(bech32_encode(_HRP, convertbits(url.encode(), 8, 5) or [])).upper()


def lnurl_decode(text: str) -> str:
    """Return the URL inside ``LNURL1…``, in capitals or small letters (K-01.1). Raises ``Unreadable``.

    The 90 characters of BIP-173 do not apply (LUD-01); mixed case and wrong checksums are refused.
    """
    if len(text) > MAX_LNURL:
        raise _unreadable("lnurl_too_long")
    if text != text.lower() and text != text.upper():
        raise _unreadable("lnurl_mixed_case")
    hrp, groups = bech32_decode(text)
    octets = convertbits(groups, 5, 8, False) if hrp == _HRP and groups else None
    if octets is None:
        raise _unreadable("lnurl")
    try:
        return bytes(octets).decode()
    except UnicodeDecodeError as error:
        raise _unreadable("lnurl") from error


def lud17_encode(url: str, kind: Lud17Kind) -> str:
    """Write ``https://host/path`` as ``lnurlw://host/path`` (LUD-17, S-17.1). The inverse of ``lud17_decode``."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme != _web_scheme(rest):
        raise ValueError("LUD-17 carries https URLs, and http only for .onion and loopback hosts.")
    return f"{kind}://{rest}"


def lud17_decode(text: str) -> tuple[Lud17Kind, str] | None:
    """Split a LUD-17 link into its kind and its web URL, or return ``None`` when it is none.

    The scheme may have any case and stands for ``https``, or ``http`` when the *host* is an onion name (K-17.2: the letters
    ``.onion`` in a path change nothing) or loopback, as the public ``lnurl`` package has it.
    """
    found = _LUD17.match(text)
    if found is None:
        return None
    rest = text[found.end() :]
    return _LUD17_KINDS[found[1].lower()], f"{_web_scheme(rest)}://{rest}"


def lightning_link_encode(page_url: str, lnurl: str) -> str:
    """Add ``lightning=LNURL1…`` to a web page's URL (S-01.5): a phone camera opens the page, a wallet the LNURL (Q8, Q9)."""
    page, hash_sign, fragment = page_url.partition("#")
    return f"{page}{'&' if '?' in page else '?'}lightning={lnurl}{hash_sign}{fragment}"


def lightning_link_decode(url: str) -> str | None:
    """Return what a web link's ``lightning`` parameter holds, its name in any case (K-01.3), or ``None``."""
    try:
        query = urlsplit(url).query
        pairs = parse_qsl(query, keep_blank_values=False, max_num_fields=100)
    except ValueError:
        return None
    return next((value for key, value in pairs if key.lower() == "lightning"), None)


def _web_scheme(rest: str) -> str:
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2].lower()
    host = host if host.startswith("[") else host.partition(":")[0]
    is_local = host in {"localhost", "127.0.0.1"} or host.startswith("[::1]")
    return "http" if is_local or host.removesuffix(".").endswith(".onion") else "https"


def _unreadable(code: str) -> Unreadable:
    return Unreadable(code, _SENTENCES[code])
