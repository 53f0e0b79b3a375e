from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from flashpay import crypto

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.mark.parametrize("text", ["fk_live_1", "", "clé ⚡", "x" * 100_000])
def test_what_is_encrypted_can_be_decrypted(text: str) -> None:
    token = crypto.encrypt(text)
    assert token.isascii()
    assert not text or text not in token
    assert crypto.decrypt(token) == text


def test_the_same_text_never_looks_the_same() -> None:
    assert crypto.encrypt("fk_live_1") != crypto.encrypt("fk_live_1")


def test_a_new_key_in_front_encrypts_and_the_old_one_still_decrypts() -> None:
    old = crypto.encrypt("fk_live_1", [OLD])
    assert crypto.decrypt(old, [NEW, OLD]) == "fk_live_1"
    new = crypto.encrypt("fk_live_1", [NEW, OLD])
    assert crypto.decrypt(new, [NEW]) == "fk_live_1"


def test_rotation_frees_a_value_from_the_old_key() -> None:
    rotated = crypto.reencrypt(crypto.encrypt("fk_live_1", [OLD]), [NEW, OLD])
    assert crypto.decrypt(rotated, [NEW]) == "fk_live_1"
    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(rotated, [OLD])


def test_a_missing_key_is_named_as_the_cause_and_nothing_secret_is_said() -> None:
    token = crypto.encrypt("fk_live_1", [OLD])
    for attempt in (crypto.decrypt, crypto.reencrypt):
        with pytest.raises(crypto.CannotDecrypt) as refused:
            attempt(token, [OTHER])
        assert "FIELD_ENCRYPTION_KEYS" in str(refused.value)
        assert token not in str(refused.value)
        assert OTHER not in str(refused.value)


def test_a_value_that_was_changed_is_refused() -> None:
    token = crypto.encrypt("fk_live_1", [OLD])
    for changed in ("", "fk_live_1", "⚡", token[:-4], token[:20] + ("A" if token[20] != "A" else "B") + token[21:]):
        with pytest.raises(crypto.CannotDecrypt):
            crypto.decrypt(changed, [OLD])


def test_an_unusable_key_is_refused_before_anything_is_encrypted() -> None:
    for keys in ([], ["short"]):
        with pytest.raises(ValueError):
            crypto.encrypt("fk_live_1", keys)


def test_equal_secrets_have_equal_fingerprints_that_depend_on_the_deployment() -> None:
    from django.test import override_settings

    mine = crypto.fingerprint("fk_live_1")
    assert mine == crypto.fingerprint("fk_live_1")
    assert mine != crypto.fingerprint("fk_live_2")
    with override_settings(SECRET_KEY="another deployment"):
        assert crypto.fingerprint("fk_live_1") != mine
