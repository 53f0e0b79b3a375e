"""The phone's page: one narrow column, usable without scripts; a small script only refreshes balance and history."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from flashpay.sandbox.markup import HEADERS, Markup, html, join, page, qr
from flashpay.sandbox.phone.reading import PhoneRefused
from flashpay.sandbox.phone.wallet import Phone, Scanned

FORM_WAIT_S = 2.0  # how long a withdrawal's page waits for the money before it shows "on its way"
FORM_BYTES_MAX = 64 * 1024
MEMO_CHARS_MAX = 200

STATES = {
    "sent": "Sent",
    "received": "Received",
    "waiting": "On its way",
    "expired": "Expired",
    "refused": "Refused",
}

BODY = """
<main class="phone" data-refresh="/phone/live">
<header class="card balance">
  <p class="label">Pretend phone · {network}</p>
  <div id="live-balance">{balance}</div>
  <p class="note">Play money on this machine only.</p>
</header>
{notice}
{card}
<section class="card" aria-labelledby="scan">
  <h2 id="scan">Pay or withdraw</h2>
  <form method="get" action="/phone">
    <label for="text">Paste what the QR code says</label>
    <textarea id="text" name="text" rows="3" required spellcheck="false" autocapitalize="off" autocomplete="off"
      placeholder="Invoice, LNURL, Lightning Address or claim link">{text}</textarea>
    <button type="submit">Read</button>
  </form>
</section>
<section class="card" aria-labelledby="flashcard">
  <h2 id="flashcard">Flashcard</h2>
  <div id="live-card">{flashcard}</div>
</section>
<section class="card" aria-labelledby="receive">
  <h2 id="receive">Receive</h2>
  <form method="post" action="/phone/receive" class="row">
    <div><label for="receive-amount">Sats</label>
      <input id="receive-amount" name="amount_sat" inputmode="numeric" pattern="[0-9]*" placeholder="any"></div>
    <div class="grow"><label for="memo">For</label><input id="memo" name="memo" maxlength="200" placeholder="optional"></div>
    <button type="submit" class="quiet">Make invoice</button>
  </form>
</section>
<section class="card" aria-labelledby="activity">
  <h2 id="activity">Activity</h2>
  <div id="live-history" aria-live="polite">{history}</div>
</section>
<nav><a href="/">Sandbox</a> <a href="/switches">Switches</a></nav>
</main>
"""

FLASHCARD = """<p class="note">{balance} sat on it, {limit} sat at once. A checkout's “Pay with a card” takes this link for a tap;
each tap works once, and the next link stands here.</p>
<label for="tap">The card's link</label>
<textarea id="tap" rows="3" readonly data-select>{link}</textarea>
<button type="button" class="quiet" data-copies="tap" hidden>Copy the card's link</button>"""

BALANCE = '<p class="amount"><strong>{sat}</strong> sat</p><p class="fiat">about {usd} US dollars</p>'

NOTICE = '<p class="notice {kind}" role="{role}">{text}</p>'

CONFIRM = """
<section class="card confirm" aria-labelledby="confirm">
  <h2 id="confirm">{title}</h2>
  <p class="amount">{amount}</p>
  <dl><dt>{side}</dt><dd>{whom}</dd>{memo}</dl>
  <form method="post" action="/phone/pay">
    <input type="hidden" name="text" value="{text}">
    {field}
    <button type="submit" {disabled}>{verb}</button>
    <a class="button quiet" href="/phone">Not now</a>
  </form>
</section>
"""

FIELD = """<label for="amount">Sats, {low} to {high}</label>
<input id="amount" name="amount_sat" inputmode="numeric" pattern="[0-9]*" value="{value}" required>"""

INVOICE = """
<section class="card confirm" aria-labelledby="invoice">
  <h2 id="invoice">Show this to the payer</h2>
  <div class="qr" role="img" aria-label="QR code of the invoice">{qr}</div>
  <label for="bolt11">Invoice {amount}</label>
  <textarea id="bolt11" rows="4" readonly data-select>{bolt11}</textarea>
</section>
"""

ENTRY = """
<li class="entry {state}">
  <details>
    <summary>
      <span class="what"><span class="whom">{whom}</span><span class="memo">{memo}</span></span>
      <span class="sum"><span class="figure">{figure}</span><span class="state">{label}</span></span>
    </summary>
    <dl>
      <dt>When</dt><dd>{when}</dd>{settled}{reason}
      <dt>Payment hash</dt><dd class="code">{payment_hash}</dd>{preimage}
      <dt>Invoice</dt><dd class="code">{bolt11}</dd>
    </dl>
  </details>
</li>
"""


NOTHING = Markup("")


def _grouped(sat: int) -> str:
    return f"{sat:,}".replace(",", "\u202f")


def _time(moment: float) -> Markup:
    at = datetime.fromtimestamp(moment, UTC)
    return html('<time datetime="{iso}">{shown} UTC</time>', iso=at.isoformat(), shown=at.strftime("%d %b %H:%M:%S"))


def _balance(phone: Phone, usd_cents: int) -> Markup:
    return html(BALANCE, sat=_grouped(phone.balance_sat), usd=f"{usd_cents // 100:,}.{usd_cents % 100:02}")


def _row(name: str, value: object, *, code: bool = False) -> Markup:
    return html(
        "<dt>{name}</dt><dd{style}>{value}</dd>", name=name, value=value, style=Markup(' class="code"' if code else "")
    )


def _entry(entry: dict[str, Any]) -> Markup:
    sent = entry["direction"] == "sent"
    amount = entry["amount_sat"]
    figure = "any amount" if amount is None else f"{'−' if sent else '+'}{_grouped(amount)} sat"
    whom = entry["whom"] or ("Somebody" if entry["state"] == "received" else "Invoice of this phone")
    return html(
        ENTRY,
        state=entry["state"],
        whom=f"{'To' if sent else 'From'} {whom}" if entry["whom"] else whom,
        memo=entry["memo"],
        figure=figure,
        label="Waiting" if entry["state"] == "waiting" and entry["kind"] == "invoice" else STATES[entry["state"]],
        when=_time(entry["created_at"]),
        settled=_row("Settled", _time(entry["settled_at"])) if entry["settled_at"] else NOTHING,
        reason=_row("Reason", entry["reason"]) if entry["reason"] else NOTHING,
        payment_hash=entry["payment_hash"],
        preimage=_row("Preimage", entry["preimage"], code=True) if entry["preimage"] else NOTHING,
        bolt11=entry["bolt11"],
    )


def _history(phone: Phone) -> Markup:
    entries = phone.history(limit=50)
    if not entries:
        return Markup('<p class="empty">Nothing yet. Paste an invoice above, or make one.</p>')
    return html('<ul class="entries">{entries}</ul>', entries=join(_entry(entry) for entry in entries))


def _confirm(scanned: Scanned, text: str) -> Markup:
    shown = scanned.shown()
    withdraw = scanned.kind == "withdraw"
    dead = scanned.state in ("PAID", "EXPIRED", "UNREACHABLE")
    titles = {"PAID": "Already paid", "EXPIRED": "Expired", "UNREACHABLE": "Out of reach"}
    fixed = shown["amount_fixed"]
    low, high = _grouped(shown["min_sat"]), _grouped(shown["max_sat"])
    return html(
        CONFIRM,
        title=titles.get(scanned.state, "Money for you" if withdraw else "Pay this?"),
        amount=f"{high} sat" if fixed else f"{low} – {high} sat",
        side="From" if withdraw else "To",
        whom=scanned.whom,
        memo=_row("For", scanned.description) if scanned.description else NOTHING,
        text=text,
        field=NOTHING if fixed else html(FIELD, low=low, high=high, value=shown["max_sat"] if withdraw else ""),
        verb="Take it" if withdraw else "Pay",
        disabled=Markup("disabled" if dead else ""),
    )


def _invoice(entry: dict[str, Any]) -> Markup:
    amount = f"over {_grouped(entry['amount_sat'])} sat" if entry["amount_sat"] else "over any amount"
    return html(INVOICE, qr=qr(entry["bolt11"]), bolt11=entry["bolt11"], amount=amount)


def _notice(kind: str, text: str) -> Markup:
    return html(NOTICE, kind=kind, role="alert" if kind == "bad" else "status", text=text)


def _page(request: Request, *, notice: Markup = NOTHING, card: Markup = NOTHING, text: str = "") -> HTMLResponse:
    sandbox, phone = request.app.state.sandbox, request.app.state.phone
    body = html(
        BODY,
        network=sandbox.network,
        balance=_balance(phone, _usd_cents(request)),
        notice=notice,
        card=card,
        text=text,
        flashcard=_flashcard(request),
        history=_history(phone),
    )
    return page("Pretend phone", body, script="phone.js", status=400 if "notice bad" in notice else 200)


def _flashcard(request: Request) -> Markup:
    shown = request.app.state.card.shown()
    balance, limit = _grouped(shown["balance_sat"]), _grouped(shown["limit_sat"])
    return html(FLASHCARD, balance=balance, limit=limit, link=shown["link"])


def _usd_cents(request: Request) -> int:
    sandbox, phone = request.app.state.sandbox, request.app.state.phone
    return int(phone.balance_sat * sandbox.prices.cents_per_sat)


async def show(request: Request) -> Response:
    """GET /phone; with `?text=` it reads the text first, with `?entry=` it shows one entry of the history."""
    phone: Phone = request.app.state.phone
    text = request.query_params.get("text", "").strip()
    entry_id = request.query_params.get("entry", "")
    if text:
        try:
            return _page(request, card=_confirm(await phone.read(text), text))
        except PhoneRefused as error:
            return _page(request, notice=_notice("bad", str(error)), text=text)
    entry = next((entry for entry in phone.history() if str(entry["id"]) == entry_id), None)
    if entry is None:
        return _page(request)
    if entry["kind"] == "invoice" and entry["state"] == "waiting":
        return _page(request, card=_invoice(entry))
    amount = _grouped(entry["amount_sat"]) if entry["amount_sat"] else "0"
    sentences = {
        "sent": f"Paid {amount} sat to {entry['whom']}.",
        "received": f"Received {amount} sat.",
        "waiting": f"{amount} sat are on their way. The history below tells when they are here.",
    }
    return _page(request, notice=_notice("good", sentences.get(entry["state"], STATES[entry["state"]])))


async def live(request: Request) -> Response:
    """What the page's script refreshes."""
    body = html(
        '<div id="live-balance">{balance}</div><div id="live-card">{card}</div><div id="live-history">{history}</div>',
        card=_flashcard(request),
        balance=_balance(request.app.state.phone, _usd_cents(request)),
        history=_history(request.app.state.phone),
    )
    return HTMLResponse(body, headers=HEADERS)


async def _form(request: Request) -> dict[str, str]:
    raw = await request.body()
    if len(raw) > FORM_BYTES_MAX:
        raise PhoneRefused("That is far too long.")
    return {name: values[-1].strip() for name, values in parse_qs(raw.decode(errors="replace")).items()}


def _sats(form: dict[str, str]) -> int | None:
    text = form.get("amount_sat", "").replace("\u202f", "").replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text)):
        raise PhoneRefused("The amount is a whole number of sats.")
    return int(text)


async def pay(request: Request) -> Response:
    """POST /phone/pay"""
    phone: Phone = request.app.state.phone
    text = ""
    try:
        form = await _form(request)
        text = form.get("text", "")
        entry = await phone.go(text, amount_sat=_sats(form), wait_s=FORM_WAIT_S)
    except PhoneRefused as error:
        return _page(request, notice=_notice("bad", str(error)), text=text)
    return RedirectResponse(f"/phone?entry={entry['id']}", status_code=303)


async def receive(request: Request) -> Response:
    """POST /phone/receive"""
    phone: Phone = request.app.state.phone
    try:
        form = await _form(request)
        entry = phone.invoice(amount_sat=_sats(form), memo=form.get("memo", "")[:MEMO_CHARS_MAX])
    except PhoneRefused as error:
        return _page(request, notice=_notice("bad", str(error)))
    return RedirectResponse(f"/phone?entry={entry['id']}", status_code=303)


ROUTES = [
    Route("/phone", show),
    Route("/phone/live", live),
    Route("/phone/pay", pay, methods=["POST"]),
    Route("/phone/receive", receive, methods=["POST"]),
]
