"""Reading settings strictly: a wrong value ends the start with one sentence that names the setting and the remedy."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
