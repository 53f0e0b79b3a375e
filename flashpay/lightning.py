"""BOLT 11 as this project trusts it.

The fields are read here, strictly and in linear time; the signature is checked by the ``bolt11`` package. Its own ``decode``
is not used for reading: it accepts two of the ten invalid examples of the specification (an unknown compulsory feature, an
amount below one millisatoshi), lets several kinds of exception escape, knows neither network nor expiry, and becomes slow
with long input. The tests compare both readings.

    InvalidInvoice (Refusal)     the text is not an invoice we would pay or show; nothing was sent, no money moved

Everything here is pure: no clock, no network, no settings.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NoReturn

from bech32 import CHARSET, bech32_verify_checksum
from bolt11.models.signature import Signature

from flashpay.refusals import Refusal

Network = Literal["mainnet", "testnet", "signet", "regtest"]

MAX_LENGTH = 7092  # characters; what fits a QR code in byte mode at most, and the bound lnd sets
DEFAULT_EXPIRY_S = 3600  # BOLT 11: without an `x` field
DEFAULT_MIN_FINAL_CLTV = 18  # blocks; BOLT 11: without a `c` field
MAX_FINAL_CLTV = (
    2016  # blocks; a payment that may lock money for more than two weeks is refused (lnd would not send it)
)
MAX_AMOUNT_MSAT = 21_000_000 * 100_000_000 * 1000  # all the bitcoin there will be; fits a 64-bit database column
# Flash's own invoices live 60 s, and a recipient spends some of them with the camera. Below this there is no time to send.
EXPIRY_MARGIN_S = 15

_NETWORKS: dict[str, Network] = {"bc": "mainnet", "tb": "testnet", "tbs": "signet", "bcrt": "regtest"}
_NETWORK_NAMES: dict[str, str] = {
    "mainnet": "the Bitcoin main network",
    "testnet": "the Bitcoin test network",
    "signet": "the signet test network",
    "regtest": "a local regtest network",
}

# The longer prefixes stand first: `lnbcrt` also starts with `lnbc`, `lntbs` with `lntb`.
_SHAPE = re.compile(r"ln(bcrt|tbs|bc|tb)(?:([1-9][0-9]{0,17})([munp]?))?1([02-9ac-hj-np-z]{117,})")
_PREFIX = re.compile(r"\Alightning:(?://)?", re.IGNORECASE)

# Millisatoshi per unit of the multiplier. `p` is a tenth of one and stands apart, in `_amount_msat`.
_MSAT_PER_UNIT = {"": 100_000_000_000, "m": 100_000_000, "u": 100_000, "n": 100}

_TO_PYTHON_BASE32 = str.maketrans(CHARSET, "0123456789abcdefghijklmnopqrstuv")
_TIMESTAMP_GROUPS = 7
_SIGNATURE_GROUPS = 104
_CHECKSUM_GROUPS = 6

# Data length in 5-bit groups. BOLT 11: "MUST skip … p, h, s or n fields" of another length.
_FIXED_LENGTHS = {"p": 52, "h": 52, "s": 52, "n": 53}
_SINGLE_FIELDS = frozenset("pshdnxc9m")  # f and r may repeat; the rest is unknown and skipped
_MAX_NUMBER_GROUPS = 13  # `x` and `c`: 65 bits, far beyond any sensible value

# BOLT 9, context "9": var_onion_optin, payment_secret, basic_mpp, option_route_blinding, option_payment_metadata.
# Bit 30 (lnd's AMP) is left out on purpose: such a payment does not settle by the invoice's payment hash.
_KNOWN_EVEN_FEATURES = frozenset({8, 14, 16, 24, 48})

_LATEST = datetime(9999, 1, 1, tzinfo=UTC)

_SENTENCES = {
    "empty": "There is no invoice here. Nothing was sent. Please paste or scan a Lightning invoice.",
    "too_long": "This is too long to be a Lightning invoice. Nothing was sent. Please make a new one in your wallet.",
    "not_an_invoice": "This is not a Lightning invoice. Nothing was sent. Please copy it again from your wallet.",
    "mixed_case": "This invoice mixes capital and small letters, so it was changed on the way. Nothing was sent. "
    "Please copy it again from your wallet.",
    "checksum": "A character of this invoice is wrong or missing. Nothing was sent. Please copy it again from your wallet.",
    "amount_syntax": "The amount in this invoice cannot be paid over Lightning. Nothing was sent. "
    "Please make a new one in your wallet.",
    "malformed": "This invoice is not complete. Nothing was sent. Please make a new one in your wallet.",
    "ambiguous": "This invoice says something twice, so it cannot be trusted. Nothing was sent. "
    "Please make a new one in your wallet.",
    "feature": "This invoice needs a Lightning feature that is not known here. Nothing was sent. "
    "Please use a plain invoice or another wallet.",
    "signature": "The signature of this invoice is wrong. Nothing was sent. Please make a new one in your wallet.",
    "network": "This invoice is for {theirs}; payments here use {ours}. Nothing was sent. "
    "Please make one for the right network.",
    "expired": "This invoice has expired. Nothing was sent. Please make a new one in your wallet.",
    "expires_too_soon": "This invoice expires too soon to be paid safely. Nothing was sent. "
    "Please make a new one and send it right away.",
    "amountless": "This invoice names no amount. Nothing was sent. Please make one with an amount.",
    "amount": "This invoice asks for {theirs}, but {ours} was expected. Nothing was sent. "
    "Please make one for the right amount.",
    "cltv": "This invoice could lock the money for weeks. Nothing was sent. Please use another wallet.",
}


class InvalidInvoice(Refusal):
    """An invoice that is refused before anything is sent: no money moved.

    ``code`` is stable and for programs (a key of the table above), ``sentence`` is for people.
    """

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code, _SENTENCES[code].format(**facts))


@dataclass(frozen=True, slots=True)
class LightningInvoice:
    """A BOLT 11 invoice that has been read and whose signature is right. ``bolt11`` is its lower-case text."""

    bolt11: str
    payment_hash: str
    amount_msat: int | None
    network: Network
    created_at: datetime
    expires_at: datetime
    description: str | None
    description_hash: str | None
    payee: str
    min_final_cltv: int
    features: frozenset[int]


def invoice_read(text: str) -> LightningInvoice:
    """Read a BOLT 11 invoice in upper or lower case, with or without ``lightning:`` before it.

    Raises ``InvalidInvoice`` for whatever is not a well-formed, signed invoice, and nothing else. Network, expiry and
    amount are judged by ``invoice_check``. Descriptions are text from strangers: cleaned of control characters, never of
    markup. Source: BOLT 11 and the feature table of BOLT 9. The listed length rule for p, h, s and n (skip the field) is
    followed, as its test vector demands; a field that stands twice is refused, because decoders disagree on which counts.
    """
    bolt11 = _normalised(text)
    shape = _SHAPE.fullmatch(bolt11)
    if shape is None:
        _refuse_shape(bolt11)
    currency, digits, multiplier, data = shape.groups()
    hrp = bolt11[: -len(data) - 1]
    if not bech32_verify_checksum(hrp, [CHARSET.index(char) for char in data]):
        raise InvalidInvoice("checksum")
    amount_msat = _amount_msat(digits, multiplier)

    signed, signature = (
        data[: -_SIGNATURE_GROUPS - _CHECKSUM_GROUPS],
        data[-_SIGNATURE_GROUPS - _CHECKSUM_GROUPS : -_CHECKSUM_GROUPS],
    )
    fields = _fields(signed[_TIMESTAMP_GROUPS:])
    if "p" not in fields or "s" not in fields or ("d" in fields) == ("h" in fields):
        raise InvalidInvoice("malformed")
    features = _features(fields.get("9", ""))
    created_at = datetime.fromtimestamp(_number(signed[:_TIMESTAMP_GROUPS]), UTC)
    return LightningInvoice(
        bolt11=bolt11,
        payment_hash=_bytes(fields["p"]).hex(),
        amount_msat=amount_msat,
        network=_NETWORKS[currency],
        created_at=created_at,
        expires_at=_expires_at(created_at, _bounded_number(fields, "x", DEFAULT_EXPIRY_S)),
        description=_clean_text(_bytes(fields["d"])) if "d" in fields else None,
        description_hash=_bytes(fields["h"]).hex() if "h" in fields else None,
        payee=_payee(hrp, signed, signature, fields.get("n")),
        min_final_cltv=_bounded_number(fields, "c", DEFAULT_MIN_FINAL_CLTV),
        features=features,
    )


def invoice_check(
    invoice: LightningInvoice,
    *,
    network: str,
    now: datetime,
    amount_msat: int | None = None,
    allow_amountless: bool = False,
    margin_s: int = EXPIRY_MARGIN_S,
) -> None:
    """Refuse an invoice that may not be paid here and now; return ``None`` when it may.

    ``now`` is aware. With ``amount_msat`` the invoice's amount must be equal to the millisatoshi. An invoice without an
    amount passes only with ``allow_amountless`` (the caller then names the amount when it pays). ``margin_s`` is the
    life, in seconds, that must be left. Raises ``InvalidInvoice``.
    """
    if invoice.network != network:
        raise InvalidInvoice(
            "network", theirs=_NETWORK_NAMES[invoice.network], ours=_NETWORK_NAMES.get(network, network)
        )
    if invoice.expires_at <= now:
        raise InvalidInvoice("expired")
    if invoice.expires_at - now < timedelta(seconds=margin_s):
        raise InvalidInvoice("expires_too_soon")
    if invoice.min_final_cltv > MAX_FINAL_CLTV:
        raise InvalidInvoice("cltv")
    if invoice.amount_msat is None:
        if not allow_amountless:
            raise InvalidInvoice("amountless")
    elif amount_msat is not None and invoice.amount_msat != amount_msat:
        raise InvalidInvoice("amount", theirs=_sats(invoice.amount_msat), ours=_sats(amount_msat))


def payment_hash_of(preimage_hex: str) -> str:
    """The payment hash that ``preimage_hex`` opens; empty when it is not 64 hex digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", preimage_hex):
        return ""
    return hashlib.sha256(bytes.fromhex(preimage_hex)).hexdigest()


def preimage_matches(preimage_hex: str, payment_hash: str) -> bool:
    """Say whether ``preimage_hex`` (64 hex digits) proves the payment with ``payment_hash``. Never raises on text."""
    opened = payment_hash_of(preimage_hex)
    return opened != "" and opened == payment_hash.lower()


def _normalised(text: str) -> str:
    # The bound comes before any work, so that a flood of characters costs nothing; the slack is for the prefix.
    if len(text) > MAX_LENGTH + 64:
        raise InvalidInvoice("too_long")
    bare = _PREFIX.sub("", text.strip(), count=1)
    if not bare:
        raise InvalidInvoice("empty")
    if len(bare) > MAX_LENGTH:
        raise InvalidInvoice("too_long")
    # Outside ASCII, lower-casing can turn foreign letters into Latin ones (the Kelvin sign into k).
    if not bare.isascii():
        raise InvalidInvoice("not_an_invoice")
    if bare != bare.lower() and bare != bare.upper():
        raise InvalidInvoice("mixed_case" if bare[:2].lower() == "ln" else "not_an_invoice")
    return bare.lower()


def _refuse_shape(bolt11: str) -> NoReturn:
    started = re.match(r"ln(bcrt|tbs|bc|tb)", bolt11)
    raise InvalidInvoice("malformed" if started else "not_an_invoice")


def _amount_msat(digits: str | None, multiplier: str) -> int | None:
    if digits is None:
        return None
    if multiplier == "p":
        msat, rest = divmod(int(digits), 10)
        if rest:
            raise InvalidInvoice("amount_syntax")
    else:
        msat = int(digits) * _MSAT_PER_UNIT[multiplier]
    if msat > MAX_AMOUNT_MSAT:
        raise InvalidInvoice("amount_syntax")
    return msat


def _number(groups: str) -> int:
    # Python's base 32 is linear in the length: 32 is a power of two.
    return int(groups.translate(_TO_PYTHON_BASE32), 32) if groups else 0


def _bytes(groups: str) -> bytes:
    size, spare = divmod(len(groups) * 5, 8)
    return (_number(groups) >> spare).to_bytes(size, "big")


def _fields(groups: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    at = 0
    while at < len(groups):
        if at + 3 > len(groups):
            raise InvalidInvoice("malformed")
        tag, length = groups[at], _number(groups[at + 1 : at + 3])
        value = groups[at + 3 : at + 3 + length]
        at += 3 + length
        if len(value) != length:
            raise InvalidInvoice("malformed")
        if tag not in _SINGLE_FIELDS or length != _FIXED_LENGTHS.get(tag, length):
            continue
        if tag in fields:
            raise InvalidInvoice("ambiguous")
        fields[tag] = value
    return fields


def _features(groups: str) -> frozenset[int]:
    bits = _number(groups)
    # The text of a binary number is walked once; shifting the number bit by bit would be quadratic.
    features = frozenset(bit for bit, char in enumerate(reversed(f"{bits:b}")) if char == "1")
    if any(bit % 2 == 0 and bit not in _KNOWN_EVEN_FEATURES for bit in features):
        raise InvalidInvoice("feature")
    return features


def _bounded_number(fields: dict[str, str], tag: str, default: int) -> int:
    if tag not in fields:
        return default
    if len(fields[tag]) > _MAX_NUMBER_GROUPS:
        raise InvalidInvoice("malformed")
    return _number(fields[tag])


def _expires_at(created_at: datetime, expiry_s: int) -> datetime:
    room_s = int((_LATEST - created_at).total_seconds())
    return created_at + timedelta(seconds=min(expiry_s, room_s))


def _clean_text(raw: bytes) -> str:
    # Wallets cut descriptions in the middle of a character, and PostgreSQL stores no NUL.
    return "".join(char if char.isprintable() else " " for char in raw.decode("utf-8", "replace")).strip()


def _payee(hrp: str, signed: str, signature_groups: str, payee_groups: str | None) -> str:
    padding = -len(signed) * 5 % 8
    signing_data = (_number(signed) << padding).to_bytes((len(signed) * 5 + padding) // 8, "big")
    signature = Signature(hrp=hrp, signing_data=signing_data, signature_data=_bytes(signature_groups))
    try:
        if payee_groups is None:
            return signature.recover_public_key()
        payee = _bytes(payee_groups).hex()
        signature.verify(payee)  # refuses a high S value too, which BOLT 11 allows for recovered keys only
    except ValueError as error:
        raise InvalidInvoice("signature") from error
    return payee


def _sats(amount_msat: int) -> str:
    sats, rest = divmod(amount_msat, 1000)
    return f"{sats:,}{f'.{rest:03d}' if rest else ''} sat"
