"""A payer's wallet made of the public `lnurl` package: `public_payer.py CODE MSAT [COMMENT]` asks, and prints what it was told.

A program of its own, because our room for LNURL has the package's name: run with `python -P`, it finds the package.
"""

import asyncio
import json
import sys

import httpx

import lnurl


async def pay(code: str, msat: int, comment: str | None) -> dict[str, object]:
    offer = await lnurl.handle(code)
    assert isinstance(offer, lnurl.LnurlPayResponse), offer
    told = {"text": offer.metadata.text, "list": offer.metadata.list(), "max": int(offer.maxSendable)}
    try:
        answer = await lnurl.execute_pay_request(offer, msat, comment)
    except lnurl.exceptions.LnurlResponseException as refused:
        return {"offer": told, "refused": str(refused)}
    async with httpx.AsyncClient() as client:
        verified = (await client.get(str(answer.verify))).json()
    known = lnurl.models.LnurlPayVerifyResponse(**verified)
    return {"offer": told, "answer": json.loads(answer.json()), "settled": known.settled}


if __name__ == "__main__":
    comment = sys.argv[3] if len(sys.argv) > 3 else None
    sys.stdout.write(json.dumps(asyncio.run(pay(sys.argv[1], int(sys.argv[2]), comment))))
