from __future__ import annotations

import pytest

from flashpay.flash import ApiKey, ConnectionStringWrong, Credential, SessionToken, Username, connection_string_parse
from tests.flash.conftest import API_KEY, SESSION_TOKEN

API = "https://api.flashapp.me/graphql"


@pytest.mark.parametrize(
    ("text", "credential", "api_url"),
    [
        (API_KEY, ApiKey(API_KEY), None),
        (f"  '{API_KEY}'\n", ApiKey(API_KEY), None),
        (SESSION_TOKEN, SessionToken(SESSION_TOKEN), None),
        (f"Bearer {SESSION_TOKEN}", SessionToken(SESSION_TOKEN), None),
        ("A" * 32, SessionToken("A" * 32), None),
        ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", SessionToken("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"), None),
        ("Shop_1", Username("shop_1"), None),
        ("shop@flashapp.me", Username("shop"), None),
        (f"type=flash;server={API};token={SESSION_TOKEN}", SessionToken(SESSION_TOKEN), API),
        (f"type=flash;server={API};token={API_KEY};", ApiKey(API_KEY), API),
        (f"Type=Flash; api=https://api.flashapp.me ; api-token={API_KEY}", ApiKey(API_KEY), API),
        (f"server={API};token=any-bearer-token", SessionToken("any-bearer-token"), API),
        (f"token={API_KEY}", ApiKey(API_KEY), None),
        ("type=flash;username=shop", Username("shop"), None),
    ],
)
def test_it_understands_what_people_paste(text: str, credential: Credential, api_url: str | None) -> None:
    parsed = connection_string_parse(text)
    assert (parsed.credential, parsed.api_url) == (credential, api_url)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "fk_short",
        "fk_0a1b2c3d_",
        "ory_st_with blank in it",
        "no",
        "1abcdef",
        "bc1qxyz",
        "lnbc10u1p",
        "name-with-dash",
        "type=lnd;server=https://x;token=abcdefghij",
        "type=flash;server=https://x",
        f"type=flash;token={SESSION_TOKEN};api-token={SESSION_TOKEN}",
        f"type=flash;token={SESSION_TOKEN};token={SESSION_TOKEN}",
        f"type=flash;server=ftp://x;token={SESSION_TOKEN}",
        f"type=flash;server=https://user:pw@x;token={SESSION_TOKEN}",
        f"type=flash;server=https://x:99999;token={SESSION_TOKEN}",
        f"type=flash;server={API};token={SESSION_TOKEN};macaroon=1",
        f"type=flash;server={API};token=abcdefgh\r\nX-Evil: 1",
        "type=flash;token",
    ],
)
def test_it_refuses_what_is_no_credential_with_a_sentence_and_without_repeating_it(text: str) -> None:
    with pytest.raises(ConnectionStringWrong) as caught:
        connection_string_parse(text)
    assert str(caught.value).endswith(".")
    assert SESSION_TOKEN not in str(caught.value)


def test_no_credential_shows_its_secret() -> None:
    for credential, secret in ((ApiKey(API_KEY), "kkkkkkkk"), (SessionToken(SESSION_TOKEN), "tttttttt")):
        for shown in (repr(credential), str(credential), f"{credential}", repr([credential]), credential.fingerprint):
            assert secret not in shown


def test_fingerprints_tell_credentials_apart_and_stay_the_same() -> None:
    credentials = [ApiKey("x" * 80), SessionToken("x" * 80), Username("x" * 50), Username("y" * 50)]
    assert len({credential.fingerprint for credential in credentials}) == 4
    assert ApiKey("x" * 80).fingerprint == ApiKey("x" * 80).fingerprint
