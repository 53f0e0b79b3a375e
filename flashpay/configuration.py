"""Reading settings strictly: a wrong value ends the start with one sentence that names the setting and the remedy."""

from __future__ import annotations

import ipaddress
import os
import re
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography.fernet import Fernet
from environs import EnvError, EnvValidationError, FileAwareEnv, ValidationError, validate

ENGINES = {"django.db.backends.sqlite3": "SQLite", "django.db.backends.postgresql": "PostgreSQL"}


class Environment(FileAwareEnv):
    """The environment, a `.env` file, or for every NAME a file named by NAME_FILE. An empty value counts as none.

    Raises EnvError for a value that cannot be used; `sentence` says it for people.
    """

    def __init__(self) -> None:
        super().__init__(eager=True, strip_whitespace=True)

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            value = super()._get_value(env_key, default)
        except EnvError:
            raise
        except ValueError as error:
            raise EnvError(str(error)) from error
        return default if isinstance(value, str) and not value.strip() else value


class FolderWrong(EnvError):
    """DATA_DIR cannot be used."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"DATA_DIR is {folder}, and FlashPay cannot write there ({error.strerror}). "
            "Name a folder in DATA_DIR that it may write to."
        )


def sentence(error: EnvError) -> str:
    """What is wrong with the settings and what to do, in one line."""
    named = re.match(r'Environment variable "(\w+)" (?:invalid|not set)', str(error))
    if not named:
        return str(error)
    name = named[1]
    reasons = error.error_messages if isinstance(error, EnvValidationError) else ["It is not set."]
    reason = " ".join(map(str, reasons if isinstance(reasons, list) else reasons.values()))
    where = f"the file that {name}_FILE names" if os.environ.get(f"{name}_FILE") else "the environment or in .env"
    return f"The setting {name} cannot be used: {reason} Correct it in {where}; docs/settings.md describes it."


# --- What a value must be ------------------------------------------------------------------------------------------

port = validate.Range(1, 65_535, error="It must be a port, 1 to 65535.")
not_negative = validate.Range(0, error="It must be 0 or more.")


def one_of(*choices: str) -> validate.OneOf:
    return validate.OneOf(choices, error="It must be one of {choices}.")


def each_of(*choices: str) -> validate.ContainsOnly:
    return validate.ContainsOnly(choices, error="Each must be one of {choices}.")


class Address:
    """An absolute address with one of these schemes and a host."""

    def __init__(self, *schemes: str, bare: bool = False) -> None:
        """`bare`: no path, no query, as of a site."""
        self.schemes = schemes
        self.bare = bare

    def __call__(self, value: str) -> None:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise ValidationError("It is not an address.") from None
        if parts.scheme not in self.schemes or not (parts.hostname or parts.scheme == "unix"):
            example = f"{self.schemes[-1]}://host"
            raise ValidationError(f"It must be an address like {example}, beginning with {' or '.join(self.schemes)}.")
        if self.bare and (parts.path.strip("/") or parts.query or parts.fragment):
            raise ValidationError("It must end with the host or port: FlashPay lives at the root of its address.")


def encryption_keys(keys: list[str]) -> None:
    """Each key is what Fernet takes: 32 bytes in URL-safe base64. The refusal does not repeat the key."""
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            raise ValidationError(
                f"Key {number} of {len(keys)} is not a Fernet key. Make one with: python -c "
                '"from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())".'
            ) from None


# How mail is handed over, by the scheme of EMAIL_URL: the port that is usual, and how it is encrypted.
_MAIL_SCHEMES = {
    "smtp": (25, {}),
    "submission": (587, {"EMAIL_USE_TLS": True}),
    "smtp+tls": (587, {"EMAIL_USE_TLS": True}),
    "smtps": (465, {"EMAIL_USE_SSL": True}),
    "smtp+ssl": (465, {"EMAIL_USE_SSL": True}),
}
_MAIL_BACKENDS = {"console": "console", "file": "filebased", "memory": "locmem", "dummy": "dummy"}


def mail(url: str) -> dict[str, Any]:
    """Django's settings for EMAIL_URL. Raises ValidationError; the refusal does not repeat the password.

    `submission://` (or `smtp+tls://`) begins in the clear and is encrypted before anything is said (STARTTLS), `smtps://`
    (or `smtp+ssl://`) is encrypted from the start, `smtp://` is not encrypted and takes no password but on this machine.
    """
    try:
        parts = urlsplit(url)
        port_given = parts.port
    except ValueError:
        raise ValidationError("It is not an address.") from None
    if parts.scheme in _MAIL_BACKENDS:
        backend = f"django.core.mail.backends.{_MAIL_BACKENDS[parts.scheme]}.EmailBackend"
        return {"EMAIL_BACKEND": backend, "EMAIL_FILE_PATH": unquote(parts.path)}
    if parts.scheme not in _MAIL_SCHEMES or not parts.hostname:
        raise ValidationError(
            "It must be like submission://user:password@mail.example.com:587, beginning with submission (STARTTLS), "
            "smtps (TLS), smtp, file or console."
        )
    port_usual, encryption = _MAIL_SCHEMES[parts.scheme]
    if parts.password and not encryption and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValidationError(
            "It would send the password over the network in the clear. Begin it with submission:// or smtps://."
        )
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port_given or port_usual,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        **encryption,
    }


def mail_valid(url: str) -> None:
    """Raises ValidationError where `mail` does."""
    mail(url)


def mail_sender(text: str) -> None:
    """One address, with a name before it or without: `Shop <shop@example.com>`."""
    _name, address = parseaddr(text)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address, re.ASCII):
        raise ValidationError("It must be an address like Shop <shop@example.com>.")


def networks(values: list[str]) -> None:
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ValidationError(f"{value} is neither an IP address nor a network like 10.0.0.0/8.") from None


def database(address: dict[str, Any]) -> None:
    """What DATABASE_URL was read as. Raises EnvError for another database than the two that FlashPay is tested on."""
    if address.get("ENGINE") not in ENGINES:
        raise EnvValidationError(
            'Environment variable "DATABASE_URL" invalid',
            ["FlashPay runs on SQLite (sqlite:////folder/file) and PostgreSQL (postgresql://user:password@host/name)."],
        )
