"""Asks the public ``lnurl`` package, which shares its name with our own room and so is run in a Python of its own.

As a module: ``ask(*jobs)`` returns one result per job. As a program (isolated, so that our ``lnurl`` is out of sight) it reads
the jobs from standard input. A job is ``{"do": …, …}``; its result is ``{"ok": …}`` or ``{"error": "…"}``.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_S = 60.0


def ask(*jobs: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the jobs in the public package, in order. ``encode``, ``decode``, ``message``, ``answer``, ``address``, ``execute``."""
    done = subprocess.run(
        [sys.executable, "-I", str(Path(__file__).resolve())],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return json.loads(done.stdout)


def _run(job: dict[str, Any]) -> Any:
    import asyncio

    from lnurl.helpers import aes_encrypt

    import lnurl

    match job["do"]:
        case "encode":
            return str(lnurl.encode(job["url"]).bech32)
        case "decode":
            return str(lnurl.decode(job["text"]).url)
        case "message":
            return type(lnurl.LnurlResponse.from_dict(job["json"])).__name__
        case "answer":
            return getattr(lnurl.models, job["model"])(**job["json"]).dict()
        case "address":
            return str(lnurl.LnAddress(job["text"]).url)
        case "metadata_hash":
            return lnurl.LnurlPayMetadata(job["text"]).h
        case "seal":
            return aes_encrypt(bytes.fromhex(job["preimage"]), job["message"])
        case "handle":
            return asyncio.run(lnurl.handle(job["lnurl"])).dict()
        case "execute":
            return asyncio.run(lnurl.execute(job["lnurl"], job["value"])).dict()
    raise ValueError(job["do"])


def main() -> None:
    results = []
    for job in json.load(sys.stdin):
        try:
            results.append({"ok": _run(job)})
        except Exception as error:  # noqa: BLE001 whatever a foreign library raises is its answer
            results.append({"error": f"{type(error).__name__}: {error}"})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
