"""How the connection to Flash is told to people: states, ways, limits, and what each kind of credential may do."""

from __future__ import annotations

from dataclasses import dataclass

from flashpay import flash
from flashpay.flash.socket_carrier import TransportProbe
from flashpay.flash.socket_events import SocketState
from flashpay.stores.health import ConnectionHealth
from flashpay.stores.models import CredentialKind


@dataclass(frozen=True)
class Words:
    """`tone`: quiet, info, ok, warn or bad, as in `flashpay.state_words`."""

    label: str
    sentence: str
    tone: str
    icon: str


@dataclass(frozen=True)
class Ability:
    name: str
    granted: bool
    note: str = ""


def abilities(kind: str) -> list[Ability]:
    """What a wallet connected with this kind of credential can be used for."""
    if kind == CredentialKind.USERNAME:
        return [
            Ability("Take payments", True, "into the public wallet of this username"),
            Ability("See the balance", False, "that needs an API key or a session token"),
            Ability("Pay out", False, "that needs an API key or a session token"),
        ]
    lasting = (
        Ability("Lasts", True, "until it is revoked in Flash")
        if kind == CredentialKind.API_KEY
        else Ability("Lasts", False, "only until the session ends: an API key is better for a shop")
    )
    return [
        Ability("Take payments", True),
        Ability("See the balance", True, "if its scopes include reading" if kind == CredentialKind.API_KEY else ""),
        Ability("Pay out", True, "if its scopes include writing" if kind == CredentialKind.API_KEY else ""),
        lasting,
    ]


_SOCKET = {
    SocketState.HEALTHY: Words("Live", "Payments are heard of the moment they happen.", "ok", "bolt"),
    SocketState.OPEN: Words("Open", "Connected; Flash has not confirmed the session token yet.", "info", "hourglass"),
    SocketState.CONNECTING: Words("Connecting", "The live connection is being opened.", "info", "hourglass"),
    SocketState.WAITING: Words("Down", "It is opened again in a moment.", "warn", "refresh"),
    SocketState.REFUSED: Words("Refused", "Connected, but Flash does not accept the session token.", "bad", "ban"),
    SocketState.STOPPED: Words("Stopped", "It was closed.", "warn", "circle-x"),
}
_NO_LISTENER = Words("Not listening", "No listener process is running; the poll does its work.", "warn", "circle-x")
_NOT_OPEN = Words("Not open yet", "The listener opens it within seconds.", "quiet", "clock")


def socket_words(health: ConnectionHealth) -> Words:
    """The state of the connection's live connection."""
    if health.listener is None:
        return _NO_LISTENER
    return _SOCKET[health.socket.state] if health.socket else _NOT_OPEN


def way_words(facts: flash.TransportFacts | None) -> Words | None:
    """Which way requests with a session token go; None where there is no choice."""
    if facts is None:
        return None
    if facts.mutations_over == "socket":
        return Words("Live connection", f"{facts.reason} Invoices are made through the listener.", "ok", "bolt")
    return Words("HTTP", facts.reason, "ok", "plug-connected")


def probe_words(probe: TransportProbe, credential: flash.Credential) -> list[tuple[str, Words]]:
    """What the live test found about the ways to Flash."""
    found = [("HTTP", _judged(probe.http, "Flash answers and carries out requests."))]
    if isinstance(credential, flash.SessionToken):
        found.append(("Live news", _judged(probe.push, "Flash tells of this account's payments at once.")))
        carried = "Flash carries out requests over the live connection too."
        if probe.mutations_on_socket is None:
            found.append(("Requests over the live connection", _judged(None, carried)))
        else:
            quiet = Words("Not needed", "Requests go over HTTP.", "quiet", "info-circle")
            problem = _judged(probe.mutations_on_socket, carried)
            found.append(("Requests over the live connection", quiet if probe.http is None else problem))
    else:
        found.append(("Live news", _judged(probe.push, "Flash tells of payments at once; that needs no credential.")))
    return found


def _judged(judgement: flash.Judgement | None, sentence: str) -> Words:
    if judgement is None:
        return Words("Works", sentence, "ok", "circle-check")
    return Words("Does not work", judgement.sentence, "warn", "alert-triangle")


@dataclass(frozen=True)
class BudgetWords:
    name: str
    left: int
    size: int
    sentence: str
    tone: str


_BUDGETS = {
    "address": "Requests from this server",
    "key": "Requests with this API key",
    "invoices": "Payment codes of this account",
}


def budget_words(left: flash.Left) -> BudgetWords:
    """One of Flash's limits and what is left of it."""
    name = _BUDGETS.get(left.name, left.name)
    if left.blocked_for_s:
        return BudgetWords(name, 0, left.size, f"Flash has asked us to wait {left.blocked_for_s} s.", "bad")
    tone = "warn" if left.left * 5 < left.size else "ok"
    return BudgetWords(name, left.left, left.size, f"{left.left} of {left.size} left in {left.period_s} s", tone)
