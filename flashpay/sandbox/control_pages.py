"""The sandbox's own two pages: what it is, and its switches."""

from decimal import Decimal
from itertools import groupby
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flashpay.sandbox.control import account_shown
from flashpay.sandbox.markup import Markup, html, join, page
from flashpay.sandbox.service import Sandbox
from flashpay.sandbox.switches import ALL, SwitchRefused

INDEX = """
<main class="wide">
<h1>Sandbox Flash</h1>
<p>A pretend Flash service on this machine. Its invoices are really signed, but for {network}, and its money is play money.</p>
<section class="card"><h2>Demo account</h2>
<dl>
<dt>Username</dt><dd>{username}</dd>
<dt>API key</dt><dd class="code">{api_key}</dd>
<dt>Session token</dt><dd class="code">{session_token}</dd>
<dt>USDT wallet</dt><dd class="code">{usdt}</dd>
<dt>Lightning Address</dt><dd>{address}</dd>
<dt>Balance</dt><dd>{balance} US dollars</dd>
<dt>GraphQL</dt><dd class="code">{api_url}</dd>
<dt>WebSocket</dt><dd class="code">{ws_url}</dd>
</dl></section>
<nav><a class="button" href="/phone">Phone wallet</a> <a class="button quiet" href="/switches">Switches</a></nav>
</main>
"""

SWITCHES = """
<main class="wide">
<h1>Switches</h1>
<p>How the pretend Flash misbehaves. Scripts use <code>GET</code> and <code>PUT /api/switches</code>.</p>
{notice}
<form method="post" action="/switches">
{groups}
<div class="bar"><button type="submit" name="do" value="set">Set</button>
<button type="submit" name="do" value="reset" class="quiet" formnovalidate>All back to normal</button></div>
</form>
<nav><a href="/">Sandbox</a> <a href="/phone">Phone wallet</a></nav>
</main>
"""

GROUP = '<fieldset class="card"><legend>{name}</legend>{rows}</fieldset>'

ROW = """<div class="switch{changed}"><label for="{name}">{name}</label>{field}{next}
<p>{about}{waiting}</p></div>"""


NEXT = """<label class="next">for the next
<input name="next:{name}" inputmode="numeric" pattern="[0-9]*" size="3" aria-label="{name}: calls"> calls</label>"""


async def index(request: Request) -> Response:
    sandbox: Sandbox = request.app.state.sandbox
    shown = account_shown(sandbox, sandbox.demo)
    body = html(
        INDEX,
        network=sandbox.network,
        username=shown["username"],
        api_key=shown["api_key"],
        session_token=shown["session_token"],
        usdt=shown["wallets"]["USDT"],
        address=shown["lightning_address"],
        balance=f"{Decimal(shown['balances_cents']['USDT']) / 100:,.2f}",
        api_url=shown["api_url"],
        ws_url=shown["ws_url"],
    )
    return page("Sandbox Flash", body)


def _field(switch: dict[str, Any]) -> Markup:
    value = switch["value"]
    choices = ["on", "off"] if isinstance(value, bool) else switch["choices"]
    if not choices:
        return html(
            '<input id="{name}" name="{name}" value="{value}" inputmode="decimal">', name=switch["name"], value=value
        )
    now = ("on" if value else "off") if isinstance(value, bool) else value
    options = join(
        html('<option value="{c}"{on}>{c}</option>', c=choice, on=Markup(" selected" if choice == now else ""))
        for choice in choices
    )
    return html('<select id="{name}" name="{name}">{options}</select>', name=switch["name"], options=options)


def _row(switch: dict[str, Any]) -> Markup:
    waiting = "".join(f" Next {o['next']}: {o['value']}." for o in switch["next"])
    return html(
        ROW,
        name=switch["name"],
        field=_field(switch),
        next=Markup("") if switch["standing"] else html(NEXT, name=switch["name"]),
        about=switch["about"],
        waiting=waiting,
        changed=Markup(" changed" if switch["value"] != switch["default"] or waiting else ""),
    )


def _page(sandbox: Sandbox, notice: str = "") -> Response:
    groups = [
        html(GROUP, name=name, rows=join(_row(switch) for switch in rows))
        for name, rows in groupby(sandbox.switches.shown(), key=lambda switch: switch["group"])
    ]
    shown = html('<p class="notice bad" role="alert">{text}</p>', text=notice) if notice else Markup("")
    return page("Switches", html(SWITCHES, notice=shown, groups=join(groups)), status=400 if notice else 200)


async def switches_show(request: Request) -> Response:
    return _page(request.app.state.sandbox)


def _value(name: str, text: str) -> Any:
    """The form's text in the switch's own type. Raises SwitchRefused."""
    default = ALL[name].default
    if isinstance(default, bool):
        return text == "on"
    if isinstance(default, str):
        return text
    try:
        return int(text) if isinstance(default, int) else float(text)
    except ValueError as error:
        raise SwitchRefused(f"{name} is a number.") from error


async def switches_set(request: Request) -> Response:
    """Changes what differs; a number of calls makes it pass by itself."""
    sandbox: Sandbox = request.app.state.sandbox
    form = {
        name: values[-1].strip() for name, values in parse_qs((await request.body()).decode(errors="replace")).items()
    }
    if form.get("do") == "reset":
        sandbox.switches.reset()
        return RedirectResponse("/switches", status_code=303)
    try:
        wanted: dict[str, Any] = {}
        for switch in sandbox.switches.shown():
            name = switch["name"]
            value = _value(name, form.get(name, str(switch["value"])))
            calls = form.get(f"next:{name}", "")
            if calls.isascii() and calls.isdigit():
                wanted[name] = {"value": value, "next": int(calls)}
            elif value != switch["value"]:
                wanted[name] = value
        sandbox.switches.change(wanted)
    except SwitchRefused as error:
        return _page(sandbox, str(error))
    sandbox.lines_follow_switches()
    return RedirectResponse("/switches", status_code=303)


ROUTES = [
    Route("/", index),
    Route("/switches", switches_show, methods=["GET"]),
    Route("/switches", switches_set, methods=["POST"]),
]
