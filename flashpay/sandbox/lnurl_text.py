"""LNURL's bech32 text form (LUD-01), both ways."""

from bech32 import bech32_decode, bech32_encode, convertbits


def lnurl_encode(url: str) -> str:
    """The lower-case bech32 form of a URL."""
    data = convertbits(url.encode(), 8, 5)
    assert data is not None
    encoded: str = bech32_encode("lnurl", data)
    return encoded


def lnurl_decode(text: str) -> str:
    """The URL behind a bech32 LNURL, upper or lower case. Raises ValueError."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("An LNURL is written in one case only.")
    prefix, data = bech32_decode(text.lower())
    if prefix != "lnurl" or data is None:
        raise ValueError("This LNURL is damaged: its checksum is wrong.")
    octets = convertbits(data, 5, 8, False)
    if octets is None:
        raise ValueError("This LNURL is damaged.")
    return bytes(octets).decode()
