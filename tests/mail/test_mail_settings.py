"""EMAIL_URL and EMAIL_FROM, read strictly: a password never goes over the network in the clear by mistake."""

from __future__ import annotations

import pytest
from environs import ValidationError

from flashpay import configuration

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    ("url", "host", "port", "encryption"),
    [
        ("submission://user:p%40ss@mail.example.com", "mail.example.com", 587, "EMAIL_USE_TLS"),
        ("smtp+tls://user:p%40ss@mail.example.com:2587", "mail.example.com", 2587, "EMAIL_USE_TLS"),
        ("smtps://user:p%40ss@mail.example.com", "mail.example.com", 465, "EMAIL_USE_SSL"),
        ("smtp+ssl://user:p%40ss@mail.example.com", "mail.example.com", 465, "EMAIL_USE_SSL"),
        ("smtp://user:p%40ss@localhost", "localhost", 25, ""),
    ],
)
def test_it_reads_where_mail_goes_and_how_it_is_encrypted(url: str, host: str, port: int, encryption: str) -> None:
    read = configuration.mail(url)
    assert (read["EMAIL_BACKEND"], read["EMAIL_HOST"], read["EMAIL_PORT"]) == (SMTP, host, port)
    assert (read["EMAIL_HOST_USER"], read["EMAIL_HOST_PASSWORD"]) == ("user", "p@ss")
    assert [name for name in ("EMAIL_USE_TLS", "EMAIL_USE_SSL") if read.get(name)] == (
        [encryption] if encryption else []
    )


@pytest.mark.parametrize(
    ("url", "backend"),
    [("console:", "console"), ("memory:", "locmem"), ("dummy:", "dummy"), ("file:///tmp/x", "filebased")],
)
def test_it_knows_ways_that_send_nothing(url: str, backend: str) -> None:
    assert configuration.mail(url)["EMAIL_BACKEND"] == f"django.core.mail.backends.{backend}.EmailBackend"


def test_a_folder_for_mail_keeps_its_path() -> None:
    assert configuration.mail("file:///var/lib/flashpay/mail")["EMAIL_FILE_PATH"] == "/var/lib/flashpay/mail"


@pytest.mark.parametrize(
    "url",
    ["smtp://user:s3cret@mail.example.com", "mail.example.com", "imap://u:s3cret@h", "submission://", "smtp://h:port"],
)
def test_it_refuses_what_cannot_work_or_is_not_safe_and_keeps_the_password_to_itself(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        configuration.mail(url)
    assert "s3cret" not in str(refused.value)


def test_a_sender_is_one_address_with_or_without_a_name() -> None:
    configuration.mail_sender("shop@example.com")
    configuration.mail_sender("Shop <shop@example.com>")
    for wrong in ("Shop", "", "Shop <shop>", "a b@example.com"):
        with pytest.raises(ValidationError):
            configuration.mail_sender(wrong)
