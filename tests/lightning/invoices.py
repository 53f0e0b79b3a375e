"""Builds BOLT 11 invoices for tests, with the public example key of BOLT 11, field by field where a fault is wanted."""

from bech32 import CHARSET, bech32_encode
from coincurve import PrivateKey

# The private key printed in BOLT 11, "Examples".
EXAMPLE_KEY = "e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734"
EXAMPLE_PAYEE = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"

HASH = bytes(range(32))
SECRET = bytes([0x11]) * 32
CREATED = 1_750_000_000  # 2025-06-15 15:06:40 UTC

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

Field = tuple[str, list[int]]


def groups(data: bytes) -> list[int]:
    """Split bytes into 5-bit groups, padded with zeros at the end."""
    count = (len(data) * 8 + 4) // 5
    number = int.from_bytes(data, "big") << (count * 5 - len(data) * 8)
    return number_groups(number, count)


def number_groups(number: int, count: int | None = None) -> list[int]:
    """Write a number in 5-bit groups: as many as it needs, or ``count``."""
    size = max(1, (number.bit_length() + 4) // 5) if count is None else count
    return [(number >> (5 * at)) & 31 for at in reversed(range(size))]


def feature_groups(*bits: int) -> list[int]:
    return number_groups(sum(1 << bit for bit in bits))


def plain_fields(
    *, payment_hash: bytes = HASH, description: str = "coffee", expiry_s: int | None = None, cltv: int | None = 18
) -> list[Field]:
    fields: list[Field] = [("p", groups(payment_hash)), ("s", groups(SECRET)), ("d", groups(description.encode()))]
    if expiry_s is not None:
        fields.append(("x", number_groups(expiry_s)))
    if cltv is not None:
        fields.append(("c", number_groups(cltv)))
    return [*fields, ("9", feature_groups(8, 14, 17))]


def invoice_sign(
    hrp: str, fields: list[Field], *, created: int = CREATED, recovery_id: int | None = None, high_s: bool = False
) -> str:
    """Sign exactly these fields under this human-readable part, right or wrong, and return the bech32 text."""
    data = number_groups(created, 7)
    for tag, value in fields:
        data += [CHARSET.index(tag), *number_groups(len(value), 2), *value]
    padding = -len(data) * 5 % 8
    number = 0
    for group in data:
        number = number << 5 | group
    signing_data = (number << padding).to_bytes((len(data) * 5 + padding) // 8, "big")
    signature = PrivateKey.from_hex(EXAMPLE_KEY).sign_recoverable(hrp.encode() + signing_data)
    if high_s:  # the same signature written the other way: n - s, and the parity of the nonce point turned
        s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
        signature = signature[:32] + s.to_bytes(32, "big") + bytes([signature[64] ^ 1])
    if recovery_id is not None:
        signature = signature[:64] + bytes([recovery_id])
    return bech32_encode(hrp, data + groups(signature))


def invoice_make(
    amount: str = "25u",
    *,
    network: str = "bc",
    created: int = CREATED,
    payment_hash: bytes = HASH,
    description: str = "coffee",
    description_hash: bytes | None = None,
    expiry_s: int | None = None,
    cltv: int | None = 18,
) -> str:
    """Make a well-formed, signed invoice; ``amount`` is the text of the human-readable part (``25u``, empty for none)."""
    fields = plain_fields(payment_hash=payment_hash, description=description, expiry_s=expiry_s, cltv=cltv)
    if description_hash is not None:
        fields = [field if field[0] != "d" else ("h", groups(description_hash)) for field in fields]
    return invoice_sign(f"ln{network}{amount}", fields, created=created)
