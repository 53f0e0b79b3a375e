"""The pretend Flashcard: a Bolt Card with a balance and a limit, and the service behind it (LUD-03, NT4H2421Gx's SUN message).

Each tap is a link with the chip's number and counter encrypted (`p`) and signed (`c`). The counter must rise, so a tap can be
read once; the offer that it gives can be taken up with one invoice. What goes wrong is up to the `card_…` switches.
"""

import asyncio
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.cmac import CMAC
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flashpay.sandbox.accounts import Wallet
from flashpay.sandbox.ledger import AlreadyPrepared, Ending, Invoice, NotEnough, NotPayable
from flashpay.sandbox.lines import http_cut
from flashpay.sandbox.lnurl_pay import HEADERS
from flashpay.sandbox.service import Sandbox

CARD_WALLET_ID = "card"  # not a UUID, so it can never be addressed through Flash's API
CARD_BALANCE_MSAT = 200_000_000
LIMIT_SAT = 100_000
OFFERS_KEPT = 50
SILENT_S = 60.0
_PICC_TAG = 0xC7
_UID_BYTES, _COUNTER_BYTES = 7, 3
_ZERO_IV = bytes(16)
_SV2 = bytes.fromhex("3cc300010080")


class CardRefused(Exception):
    """The card's service says no; the message is for whoever holds the card."""


@dataclass(frozen=True)
class Keys:
    """`read` decrypts `p`, `sign` checks `c`: K1 and K2 of a Bolt Card."""

    uid: bytes
    read: bytes
    sign: bytes


def tap_write(keys: Keys, counter: int) -> tuple[str, str]:
    """What the chip puts into its link at this counter: `p` and `c`."""
    count = counter.to_bytes(_COUNTER_BYTES, "little")
    padding = bytes(16 - 1 - _UID_BYTES - _COUNTER_BYTES)
    encryptor = Cipher(AES(keys.read), CBC(_ZERO_IV)).encryptor()
    p = encryptor.update(bytes([_PICC_TAG]) + keys.uid + count + padding) + encryptor.finalize()
    return p.hex().upper(), _signature(keys, count).hex().upper()


def tap_read(keys: Keys, p: str, c: str) -> int:
    """The counter of a tap of this card. Raises CardRefused for what this card did not write."""
    try:
        message, signature = bytes.fromhex(p), bytes.fromhex(c)
    except ValueError as error:
        raise CardRefused("This is not the link of a card.") from error
    if len(message) != 16:
        raise CardRefused("This is not the link of a card.")
    decryptor = Cipher(AES(keys.read), CBC(_ZERO_IV)).decryptor()
    plain = decryptor.update(message) + decryptor.finalize()
    count = plain[1 + _UID_BYTES : 1 + _UID_BYTES + _COUNTER_BYTES]
    known = plain[0] == _PICC_TAG and plain[1 : 1 + _UID_BYTES] == keys.uid
    if not known or not hmac.compare_digest(signature, _signature(keys, count)):
        raise CardRefused("This card is not known here.")
    return int.from_bytes(count, "little")


def _signature(keys: Keys, count: bytes) -> bytes:
    session = _cmac(keys.sign, _SV2 + keys.uid + count)
    return _cmac(session, b"")[1::2]


def _cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(message)
    return mac.finalize()


class Card:
    """The one card of this sandbox, beside its phone."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @property
    def wallet(self) -> Wallet:
        return self._sandbox.accounts.sat_wallet(CARD_WALLET_ID, balance_msat=CARD_BALANCE_MSAT)

    @property
    def limit_sat(self) -> int:
        return int(self._sandbox.store.recall("card_limit_sat", LIMIT_SAT))

    @property
    def counter(self) -> int:
        """Of the last tap that was read."""
        return int(self._sandbox.store.recall("card_counter", 0))

    @property
    def keys(self) -> Keys:
        kept = self._sandbox.store.recall("card_keys")
        if kept is None:
            kept = [secrets.token_hex(_UID_BYTES), secrets.token_hex(16), secrets.token_hex(16)]
            self._sandbox.store.remember("card_keys", kept)
        return Keys(*(bytes.fromhex(part) for part in kept))

    def link(self) -> str:
        """The next tap, as the chip would write it: the same until it was read."""
        p, c = tap_write(self.keys, self.counter + 1)
        return f"lnurlw://{self._sandbox.base_url.partition('://')[2]}/boltcard?p={p}&c={c}"

    def shown(self) -> dict[str, Any]:
        return {
            "link": self.link(),
            "balance_sat": self.wallet.balance // 1000,
            "limit_sat": self.limit_sat,
            "counter": self.counter,
        }

    def change(self, *, balance_sat: int | None = None, limit_sat: int | None = None) -> None:
        if balance_sat is not None:
            missing = balance_sat * 1000 - self.wallet.balance
            self._sandbox.accounts.fund(wallet_id=CARD_WALLET_ID, amount=missing)
        if limit_sat is not None:
            self._sandbox.store.remember("card_limit_sat", limit_sat)

    def offer(self, *, p: str, c: str) -> dict[str, Any]:
        """Read a tap, once, and say what the card would pay. Raises CardRefused."""
        counter = tap_read(self.keys, p, c)
        if counter <= self.counter:
            raise CardRefused("This tap was used before. Please tap again.")
        how = self._sandbox.switches.take("card_offer")
        most_msat = min(self.limit_sat * 1000, self.wallet.balance)
        k1 = secrets.token_hex(16)
        base = self._sandbox.base_url
        with self._sandbox.store.transaction():
            self._sandbox.store.remember("card_counter", counter)
            offers = [*self._sandbox.store.recall("card_offers", []), [k1, None]][-OFFERS_KEPT:]
            self._sandbox.store.remember("card_offers", offers)
        return {
            "tag": "withdrawRequest",
            "callback": f"{base.replace('127.0.0.1', 'localhost') if how == 'other_host' else base}/boltcard/pay",
            "k1": k1,
            "defaultDescription": "Pretend Flashcard",
            "minWithdrawable": 1000,
            "maxWithdrawable": 1000 if how == "small" else most_msat,
            **({"pinLimit": 1000} if how == "pin" else {}),
        }

    def pay(self, *, k1: str, bolt11: str, how: str) -> None:
        """Take up an offer with an invoice, and pay it as the `card_pay` switch says. Raises CardRefused."""
        self._take_up(k1, bolt11)
        if how == "declines":
            raise CardRefused("This card is frozen.")
        invoice = self._sandbox.ledger.invoice_by_bolt11(bolt11)
        if invoice is None or invoice.amount_msat is None:
            raise CardRefused("This invoice cannot be reached from the card.")
        if invoice.amount_msat > self.limit_sat * 1000:
            raise CardRefused("This is more than the card pays at once.")
        if how != "never_pays":
            self._pay(invoice, invoice.amount_msat, late=how == "pays_late")
        if how == "declines_but_pays":
            raise CardRefused("Something went wrong.")

    def _take_up(self, k1: str, bolt11: str) -> None:
        offers = self._sandbox.store.recall("card_offers", [])
        offer = next((offer for offer in offers if offer[0] == k1), None)
        if offer is None or offer[1] not in (None, bolt11):
            raise CardRefused("This tap was used before. Please tap again.")
        offer[1] = bolt11
        self._sandbox.store.remember("card_offers", offers)

    def _pay(self, invoice: Invoice, amount_msat: int, *, late: bool) -> None:
        ledger = self._sandbox.ledger
        try:
            payment = ledger.payment_begin(
                payer=self.wallet, invoice=invoice, amount_msat=amount_msat, fee_msat=0, debit=amount_msat, fee_debit=0
            )
        except AlreadyPrepared:
            return  # the same invoice again: the same answer
        except NotEnough as error:
            raise CardRefused("There is not enough on this card.") from error
        except NotPayable as error:
            raise CardRefused("This invoice has expired.") from error
        if late:
            at = self._sandbox.now() + self._sandbox.switches.peek("later_s")
            ledger.payment_schedule(payment.id, ending=Ending.SETTLE, at=at)
        else:
            ledger.payment_settle(payment.id)


async def offer(request: Request) -> JSONResponse:
    """GET /boltcard?p=…&c=…"""
    card: Card = request.app.state.card
    try:
        return _answer(card.offer(p=request.query_params.get("p", ""), c=request.query_params.get("c", "")))
    except CardRefused as error:
        return _answer({"status": "ERROR", "reason": str(error)})


async def pay(request: Request) -> Response:
    """GET /boltcard/pay?k1=…&pr=…"""
    card, sandbox = request.app.state.card, request.app.state.sandbox
    how = sandbox.switches.take("card_pay")
    if how == "cut_before":
        return await http_cut(request)
    try:
        card.pay(k1=request.query_params.get("k1", ""), bolt11=request.query_params.get("pr", ""), how=how)
        answer = {"status": "OK"}
    except CardRefused as error:
        answer = {"status": "ERROR", "reason": str(error)}
    if how == "cut_after":
        return await http_cut(request)
    await asyncio.sleep(SILENT_S if how == "silent" else sandbox.switches.take("card_takes_s"))
    return _answer(answer)


def _answer(body: dict[str, Any]) -> JSONResponse:
    return JSONResponse(body, headers=HEADERS)


ROUTES = [Route("/boltcard", offer), Route("/boltcard/pay", pay)]
