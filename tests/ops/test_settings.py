"""A wrong setting ends every command with one line that names it and says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.programs import ROOT, Program


def _check(**settings: str) -> Program:
    program = Program.python("manage.py", "check", env=settings)
    program.wait()
    return program


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "eighty", "PORT cannot be used: Not a valid integer."),
        ("PORT", "70000", "1 to 65535"),
        ("DEBUG", "perhaps", "DEBUG cannot be used: Not a valid boolean."),
        ("PUBLIC_URL", "shop.example", "https://host"),
        ("PUBLIC_URL", "https://shop.example/pay", "root of its address"),
        ("DATABASE_URL", "mysql://root@localhost/pay", "SQLite"),
        ("DATABASE_URL", "somewhere", "Not a valid database URL."),
        ("REDIS_URL", "http://localhost", "redis://host"),
        ("FLASH_API_URL", "api.flash", "https://host"),
        ("FLASH_WS_URL", "https://ws.flash", "wss://host"),
        ("FIELD_ENCRYPTION_KEYS", "c2hvcnQ=", "Key 1 of 1 is not a Fernet key"),
        ("TRUSTED_PROXIES", "everybody", "neither an IP address nor a network"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG"),
        ("READY_REQUIRES", "worker,web", "worker, beat, listener"),
        ("SECRET_KEY_FILE", "/nonexistent/secret", "SECRET_KEY_FILE must be a readable file"),
        ("DATA_DIR", "/dev/null/flashpay", "Name a folder in DATA_DIR"),
    ],
)
def test_it_names_the_wrong_setting_in_one_line(name: str, value: str, words: str) -> None:
    settings = {"SECRET_KEY": "", name: value}
    program = _check(**settings)
    assert program.wait() == 1
    assert len(program.lines) == 1
    assert program.lines[0].startswith("FlashPay cannot start. ")
    assert name in program.lines[0]
    assert words in program.lines[0]


def test_it_never_repeats_a_wrong_key() -> None:
    program = _check(FIELD_ENCRYPTION_KEYS="almost-a-secret")
    assert "almost-a-secret" not in program.output


def test_it_takes_an_empty_value_as_none(tmp_path: Path) -> None:
    program = _check(PORT="", REDIS_URL="", DATA_DIR=str(tmp_path))
    assert program.wait() == 0, program.output


def test_it_reads_secrets_from_files_without_their_last_newline(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    script = "from flashpay import settings; print('[' + settings.SECRET_KEY + ']')"
    program = Program.python("-c", script, env={"SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "secret")})
    assert program.wait() == 0, program.output
    assert program.lines == ["[from-a-file]"]


def test_settings_that_are_read_are_described() -> None:
    source = (ROOT / "flashpay" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    described = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    exemplified = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read == described
    assert read - {"ENV_FILE"} == exemplified
