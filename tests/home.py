"""A copy of FlashPay as somebody has it who cloned it: a folder, three ports, nothing set."""

from __future__ import annotations

from pathlib import Path

from tests.environment import free_port

READY = "FlashPay is ready."
# Never waited for where all is well; a machine with much else to do takes minutes.
READY_S = 240.0


class Home:
    """A folder and ports of one copy of FlashPay."""

    def __init__(self, folder: Path, static_root: Path | None = None) -> None:
        """`static_root`: where the static files were collected before, if they were."""
        self.folder, self.static_root = folder, static_root
        self.port, self.sandbox_port, self.valkey_port = free_port(), free_port(), free_port()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, str]:
        """Nothing but the folder and the ports, as after `git clone`."""
        ports = {"PORT": self.port, "SANDBOX_PORT": self.sandbox_port, "VALKEY_PORT": self.valkey_port}
        unset = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"), "")
        return (
            unset
            | {name: str(port) for name, port in ports.items()}
            | {
                "DATA_DIR": str(self.folder),
                "PUBLIC_URL": self.address,
                "STATIC_ROOT": str(self.static_root or ""),
            }
        )
