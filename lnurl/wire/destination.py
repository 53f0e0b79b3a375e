"""Whatever a person pastes or scans, read into one typed value.

    Destination
    ├── Bolt11             an invoice, read and signed right; network, amount and expiry are still to be checked
    ├── LightningAddress   name@domain (LUD-16)
    ├── LnurlPay           lnurlp:// (LUD-17): must be fetched
    ├── LnurlUnknown       a bech32 LNURL or bare https link: what it is shows when it is fetched
    ├── LnurlWithdraw      lnurlw:// (or ``tag=withdrawRequest``): pays out to whoever asks; not a place to send money to
    ├── ClaimLink          a web page: one of ours, or any with ``lightning=``; ``inner`` is what that parameter holds
    ├── OnChain            a bitcoin address without a Lightning part
    └── NotUnderstood      anything else, with a sentence for the person

``destination_read`` returns one of these for every text and never raises. Understood besides the bare forms: white space and
line breaks around and inside, any case, ``lightning:`` and the prefixes wallets put before it, BIP-21 (``bitcoin:…?lightning=``).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from flashpay.lightning import InvalidInvoice, LightningInvoice, invoice_read
from lnurl.wire.addresses import LightningAddress, lightning_address_read
from lnurl.wire.codec import lightning_link_decode, lnurl_decode, lud17_decode
from lnurl.wire.errors import WireError
from lnurl.wire.urls import service_url

MAX_TEXT = 10_000  # characters; the longest invoice has 7,092, and BIP-21 puts a little around it
_MAX_DEPTH = 3  # a link may hold an LNURL, which may hold … one of each kind is enough

# What phone wallets register as link schemes, alone or before `lightning:` (K-01.2, Q10).
_PREFIX = re.compile(
    r"(?:web\+)?(?:lightning|lnurl|bluewallet|breez|muun|phoenix|walletofsatoshi|zeusln|mailto):(?://)?", re.IGNORECASE
)
_INVOICE = re.compile(r"ln(?:bcrt|tbs|bc|tb)[0-9munp]*1", re.IGNORECASE)
_ON_CHAIN = re.compile(
    r"(?:bc1|tb1|bcrt1)[02-9ac-hj-np-z]{8,87}|(?:BC1|TB1|BCRT1)[02-9AC-HJ-NP-Z]{8,87}|[123mn][1-9A-HJ-NP-Za-km-z]{25,34}"
)
_NODE = re.compile(r"0[23][0-9a-f]{64}(?:@.*)?", re.IGNORECASE)

_SENTENCES = {
    "empty": "There is nothing here yet. Please paste or scan a Lightning invoice, a Lightning Address or an LNURL.",
    "too_long": "This is too long to be a Lightning destination. Nothing was sent. Please copy it again.",
    "unknown": "This is not a Lightning invoice, Lightning Address or LNURL. Nothing was sent. Please copy it again.",
    "bolt12": "This is a BOLT 12 offer, which cannot be paid from here yet. Nothing was sent. "
    "Please use a Lightning invoice or a Lightning Address.",
    "login": "This code is for logging in, not for receiving money. Nothing was sent. "
    "Please use a Lightning invoice or a Lightning Address.",
    "channel": "This code opens a channel; it does not receive money. Nothing was sent. "
    "Please use a Lightning invoice or a Lightning Address.",
    "node": "This is the name of a Lightning node. Nothing was sent. Please use a Lightning invoice or a Lightning Address.",
}
ON_CHAIN_SENTENCE = (
    "This is a bitcoin address on the chain. Payments from here go over Lightning. Nothing was sent. "
    "Please use a Lightning invoice, a Lightning Address or an LNURL."
)


@dataclass(frozen=True, slots=True)
class Bolt11:
    invoice: LightningInvoice


@dataclass(frozen=True, slots=True)
class LnurlPay:
    url: str


@dataclass(frozen=True, slots=True)
class LnurlUnknown:
    url: str


@dataclass(frozen=True, slots=True)
class LnurlWithdraw:
    url: str


@dataclass(frozen=True, slots=True)
class OnChain:
    address: str
    sentence: str = ON_CHAIN_SENTENCE


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ClaimLink:
    """``ours`` says whether the page is on one of our own hosts; paying into it would only go round in a circle."""

    url: str
    ours: bool
    inner: "Destination | None"


Destination = Bolt11 | LightningAddress | LnurlPay | LnurlUnknown | LnurlWithdraw | ClaimLink | OnChain | NotUnderstood


def destination_read(
    text: str, *, own_hosts: Collection[str] = (), allow_loopback: bool = False, allow_onion: bool = False
) -> Destination:
    """Read what a person pasted or scanned. Never raises: what is not understood comes back as ``NotUnderstood``.

    ``own_hosts`` are the lower-case host names of this installation. Nothing is fetched; ``allow_loopback`` and
    ``allow_onion`` say which URLs the resolver would be ready to fetch.
    """
    return _Reader(frozenset(own_hosts), allow_loopback, allow_onion).read(text)


@dataclass(frozen=True, slots=True)
class _Reader:
    own_hosts: frozenset[str]
    allow_loopback: bool
    allow_onion: bool

    def read(self, text: str, depth: int = 0) -> Destination:
        if len(text) > MAX_TEXT:
            return _not_understood("too_long")
        bare = _without_prefixes(text)
        if not bare:
            return _not_understood("empty")
        if depth > _MAX_DEPTH:
            return _not_understood("unknown")
        try:
            return self._read_bare(bare, depth)
        except (InvalidInvoice, WireError) as refused:
            return NotUnderstood(refused.code, refused.sentence)

    def _read_bare(self, bare: str, depth: int) -> Destination:
        lower = bare.lower()
        if lower.startswith("bitcoin:"):
            return self._read_bip21(bare, depth)
        if lower.startswith(("http://", "https://")):
            return self._read_web_link(bare, depth)
        lud17 = lud17_decode(bare)
        if lud17 is not None:
            return self._read_lud17(*lud17)
        # Mail programs and chat lines break long texts; no bech32 text or address holds white space.
        bare, lower = _joined(bare), _joined(lower)
        if lower.startswith("lnurl1"):
            return self._read_lnurl_url(lnurl_decode(bare))
        if _INVOICE.match(bare):
            return Bolt11(invoice_read(bare))
        if lower.startswith(("lno1", "lni1", "lnr1")):
            return _not_understood("bolt12")
        if _NODE.fullmatch(bare):
            return _not_understood("node")
        if _ON_CHAIN.fullmatch(bare):
            return OnChain(bare)
        if "@" in bare:
            # Profiles show addresses with a flash or a bitcoin sign before them.
            return lightning_address_read(bare.lstrip("⚡️₿"))
        return _not_understood("unknown")

    def _read_bip21(self, bare: str, depth: int) -> Destination:
        address, _, query = bare[len("bitcoin:") :].removeprefix("//").partition("?")
        pairs = parse_qsl(query, max_num_fields=None)[:50]
        for key, value in pairs:
            if key.lower() in {"lightning", "lnurl", "lightninginvoice"} and value.strip():
                return self.read(value, depth + 1)
        return OnChain(unquote(address)[:100]) if address else _not_understood("unknown")

    def _read_web_link(self, bare: str, depth: int) -> Destination:
        url = service_url(bare, allow_loopback=True, allow_onion=True)
        ours = url.host in self.own_hosts
        held = lightning_link_decode(bare)
        inner = self.read(held, depth + 1) if held else None
        if ours or inner is not None:
            return ClaimLink(url=str(url), ours=ours, inner=inner)
        return self._read_lnurl_url(bare)

    def _read_lud17(self, kind: str, url: str) -> Destination:
        if kind == "keyauth":
            return _not_understood("login")
        if kind == "lnurlc":
            return _not_understood("channel")
        visited = self._visited(url)
        return LnurlWithdraw(visited) if kind == "lnurlw" else LnurlPay(visited)

    def _read_lnurl_url(self, url: str) -> Destination:
        visited = self._visited(url)
        # LUD-01 gives the query parameter `tag` a meaning (S-01.4): these can be told without asking.
        tags = [value for key, value in parse_qsl(urlsplit(visited).query) if key == "tag"]
        if "login" in tags:
            return _not_understood("login")
        if "channelRequest" in tags:
            return _not_understood("channel")
        return LnurlWithdraw(visited) if "withdrawRequest" in tags else LnurlUnknown(visited)

    def _visited(self, url: str) -> str:
        return str(service_url(url, allow_loopback=self.allow_loopback, allow_onion=self.allow_onion))


def _without_prefixes(text: str) -> str:
    bare = text.strip().strip("\ufeff\u200b\u200e\u200f<>\"'").strip()
    for _ in range(_MAX_DEPTH):
        found = _PREFIX.match(bare)
        if found is None:
            break
        bare = bare[found.end() :].strip()
    return bare


def _joined(text: str) -> str:
    return "".join(text.split())


def _not_understood(code: str) -> NotUnderstood:
    return NotUnderstood(code, _SENTENCES[code])
