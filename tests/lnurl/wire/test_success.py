"""LUD-10: messages that the preimage opens, sealed by the public package."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lnurl.wire.success import Sealed, sealed_open
from tests.lnurl.wire.public_lnurl import ask

PREIMAGE = bytes(range(32))
PAYMENT_HASH = hashlib.sha256(PREIMAGE).hexdigest()
IV = bytes(16)


def sealed(plain: bytes) -> Sealed:
    encryptor = Cipher(algorithms.AES(PREIMAGE), modes.CBC(IV)).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    return Sealed("", base64.b64encode(ciphertext).decode(), base64.b64encode(IV).decode())


def opened(action: Sealed, preimage: bytes = PREIMAGE) -> str | None:
    return sealed_open(action, preimage_hex=preimage.hex(), payment_hash=PAYMENT_HASH)


def test_it_opens_what_the_public_lnurl_package_sealed() -> None:
    [result] = ask({"do": "seal", "preimage": PREIMAGE.hex(), "message": "Your code is 1234"})
    ciphertext, iv = result["ok"]
    assert opened(Sealed("", ciphertext, iv)) == "Your code is 1234"


def test_it_opens_text_of_any_script() -> None:
    plain = "héllo ⚡".encode()
    pad = 16 - len(plain) % 16
    assert opened(sealed(plain + bytes([pad]) * pad)) == "héllo ⚡"


def test_it_stays_shut_for_another_preimage() -> None:
    assert opened(sealed(b"x" * 15 + b"\x01"), preimage=bytes(32)) is None


@pytest.mark.parametrize("plain", [b"\x00" * 16, b"x" * 16, b"x" * 15 + b"\x11", b"\xff" * 15 + b"\x01"])
def test_wrong_padding_and_wrong_text_open_nothing(plain: bytes) -> None:
    assert opened(sealed(plain)) is None


@pytest.mark.parametrize(("ciphertext", "iv"), [("AAAA", "A" * 22 + "=="), ("", ""), ("!", "!"), ("A" * 24, "AAAA")])
def test_garbage_opens_nothing(ciphertext: str, iv: str) -> None:
    assert opened(Sealed("", ciphertext, iv)) is None
