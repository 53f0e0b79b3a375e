"""Lightning Addresses: ``name+tag@domain`` (LUD-16)."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from lnurl.wire.errors import DestinationRefused, Unreadable
from lnurl.wire.urls import host_kind

MAX_ADDRESS = 320  # characters; as long as an e-mail address may be

# K-16.1, after lower-casing: no port, no user-info, no IP literal, no single-label host.
_ADDRESS = re.compile(r"([a-z0-9_.-]+)(?:\+([a-z0-9_.-]+))?@([a-z0-9.-]+)")
_SENTENCE = (
    "This is not a Lightning Address. Nothing was sent. A Lightning Address looks like an e-mail address: name@domain."
)


@dataclass(frozen=True, slots=True)
class LightningAddress:
    """An address that passed the grammar: ``name`` is ``_`` for a domain's own address (``@domain``, S-16.5)."""

    name: str
    tag: str | None
    domain: str

    def __str__(self) -> str:
        return f"{self.name}{f'+{self.tag}' if self.tag else ''}@{self.domain}"

    @property
    def url(self) -> str:
        """Where its payRequest is served (S-16.2), the tag included, as the service is to take it off (S-16.1)."""
        user = self.name if self.tag is None else f"{self.name}+{self.tag}"
        scheme = "http" if self.domain.endswith(".onion") else "https"
        return f"{scheme}://{self.domain}/.well-known/lnurlp/{quote(user, safe='')}"


def lightning_address_read(text: str) -> LightningAddress:
    """Read a Lightning Address in any case. Raises ``Unreadable`` (P1)."""
    if len(text) > MAX_ADDRESS or not text.isascii():
        raise Unreadable("lightning_address", _SENTENCE)
    lower = text.strip().lower()
    found = _ADDRESS.fullmatch(f"_{lower}" if lower.startswith("@") else lower)
    if found is None:
        raise Unreadable("lightning_address", _SENTENCE)
    name, tag, domain = found.groups()
    # Only dots would change the path: /.well-known/lnurlp/.. is another place.
    if not name.strip("."):
        raise Unreadable("lightning_address", _SENTENCE)
    try:
        kind = host_kind(domain)
    except DestinationRefused as error:
        raise Unreadable("lightning_address", _SENTENCE) from error
    if kind == "loopback":
        raise Unreadable("lightning_address", _SENTENCE)
    return LightningAddress(name=name, tag=tag, domain=domain)
