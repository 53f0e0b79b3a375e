"""Lightning nodes that exist on paper only: they sign real BOLT 11 invoices and read those of others."""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bitstring
from bolt11 import decode, encode
from bolt11.exceptions import Bolt11Exception
from bolt11.models.features import Feature, FeatureExtra, Features, FeatureState
from bolt11.models.tags import TagChar, Tags
from bolt11.types import Bolt11, MilliSatoshi
from coincurve import PrivateKey

# BOLT 11: the letters after "ln" that name the network.
PREFIXES = {"mainnet": "bc", "testnet": "tb", "signet": "tbs", "regtest": "bcrt"}
INVOICE_CHARS_MAX = 7092  # lnd's cap; decoding is slow enough to be worth guarding
_SHAPE = re.compile(r"ln(bcrt|tbs|bc|tb)([1-9][0-9]*[munp]?)?1[02-9ac-hj-np-z]{110,}")
_FINAL_CLTV_BLOCKS = 80
_FEATURES: dict[Feature | FeatureExtra, FeatureState] = {
    Feature.var_onion_optin: FeatureState.required,
    Feature.payment_secret: FeatureState.required,
}


class Undecodable(ValueError):
    """The text is not a BOLT 11 invoice. `bad_checksum` says whether only its checksum is wrong."""

    def __init__(self, message: str, *, bad_checksum: bool = False) -> None:
        super().__init__(message)
        self.bad_checksum = bad_checksum


@dataclass(frozen=True)
class SignedInvoice:
    """A fresh invoice together with the secrets that only its maker knows."""

    bolt11: str
    payment_hash: str
    preimage: str
    payment_secret: str
    created_at: int
    expires_at: int


@dataclass(frozen=True)
class ReadInvoice:
    bolt11: str
    network: str
    payment_hash: str
    amount_msat: int | None
    memo: str
    payee: str
    created_at: int
    expires_at: int


class Node:
    """A node key kept in the data folder, made at the first start."""

    def __init__(self, *, key_file: Path, network: str, now: Callable[[], float]) -> None:
        if not key_file.exists():
            key_file.touch(mode=0o600)
            key_file.write_text(PrivateKey().to_hex())
        self._key = key_file.read_text().strip()
        self._now = now
        self.network = network
        self.pubkey = PrivateKey.from_hex(self._key).public_key.format().hex()

    def invoice_sign(
        self, *, amount_msat: int | None, memo: str, life_s: int, description_hash: str | None = None
    ) -> SignedInvoice:
        """Sign an invoice (BOLT 11) over a fresh random preimage."""
        preimage = secrets.token_bytes(32)
        payment_hash = hashlib.sha256(preimage).hexdigest()
        payment_secret = secrets.token_hex(32)
        date = int(self._now())
        tags = Tags()
        tags.add(TagChar.payment_hash, payment_hash)
        tags.add(TagChar.payment_secret, payment_secret)
        if description_hash:
            tags.add(TagChar.description_hash, description_hash)
        else:
            tags.add(TagChar.description, memo or "Flash")  # the package refuses an empty description
        tags.add(TagChar.expire_time, life_s)
        tags.add(TagChar.min_final_cltv_expiry, _FINAL_CLTV_BLOCKS)
        tags.add(TagChar.features, Features.from_feature_list(dict(_FEATURES)))
        invoice = Bolt11(
            currency=PREFIXES[self.network],
            date=date,
            tags=tags,
            amount_msat=MilliSatoshi(amount_msat) if amount_msat else None,
        )
        return SignedInvoice(
            bolt11=encode(invoice, self._key),
            payment_hash=payment_hash,
            preimage=preimage.hex(),
            payment_secret=payment_secret,
            created_at=date,
            expires_at=date + life_s,
        )


def invoice_read(text: str) -> ReadInvoice:
    """Decode a BOLT 11 text of any network. Raises Undecodable."""
    if len(text) > INVOICE_CHARS_MAX or text not in (text.lower(), text.upper()) or not _SHAPE.fullmatch(text.lower()):
        raise Undecodable("This is not a Lightning invoice.")
    try:
        invoice = decode(text)
    except Bolt11Exception as error:
        raise Undecodable(str(error), bad_checksum="bech32" in type(error).__name__.lower()) from error
    except (ValueError, AttributeError, KeyError, IndexError, bitstring.Error) as error:  # what bolt11 lets through
        raise Undecodable("This is not a Lightning invoice.") from error
    return ReadInvoice(
        bolt11=text.lower(),
        network={prefix: network for network, prefix in PREFIXES.items()}[invoice.currency],
        payment_hash=invoice.payment_hash,
        amount_msat=int(invoice.amount_msat) if invoice.amount_msat else None,
        memo=invoice.description or "",
        payee=invoice.payee or "",
        created_at=invoice.date,
        expires_at=invoice.expiry_time,
    )
