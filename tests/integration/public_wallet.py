"""A wallet made of the public `lnurl` package: `public_wallet.py LNURL BOLT11` withdraws and prints what it was told as JSON.

A program of its own, because our room for LNURL has the package's name: run with `python -P`, it finds the package.
"""

import asyncio
import json
import sys

import lnurl


async def withdraw(code: str, invoice: str) -> dict[str, object]:
    offer = await lnurl.handle(code)
    assert isinstance(offer, lnurl.LnurlWithdrawResponse), offer
    try:
        answer = await lnurl.execute_withdraw(offer, invoice)
    except lnurl.exceptions.LnurlResponseException as refused:
        return {"offer": offer.dict(), "refused": str(refused)}
    return {"offer": offer.dict(), "status": answer.dict()["status"]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(withdraw(*sys.argv[1:]))))
