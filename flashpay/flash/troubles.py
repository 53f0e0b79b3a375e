"""What went wrong with a request, as facts that nobody has judged yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Where(StrEnum):
    """How far the request is known to have come before something went wrong."""

    TRANSPORT = "transport"  # no answer at all
    HTTP = "http"  # an HTTP status that is not 200
    ANSWER = "answer"  # GraphQL errors beside the data; their code is dropped on the way in production
    PAYLOAD = "payload"  # errors inside the operation's own payload; these keep their code


class Failure(StrEnum):
    """What a transport can do wrong."""

    CONNECT = "connect"  # no connection came about, so nothing was written
    NOT_OPEN = "not_open"  # the socket was down when the request was to be written
    NOT_TAKEN = "not_taken"  # the listener never took the request, and it was taken back
    WAIT = "wait"  # our own budget said no before anything was written
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    UNREADABLE = "unreadable"
    REPLY_LOST = "reply_lost"


@dataclass(frozen=True)
class Trouble:
    """The facts about what went wrong, before anybody judges them. Goes to other processes as a plain dict."""

    where: Where
    failure: Failure | None = None
    http_status: int | None = None
    code: str | None = None
    message: str = ""
    status: str | None = None  # what a sending's payload said beside its errors
    retry_after_s: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Trouble:
        failure = fields.get("failure")
        return cls(**{**fields, "where": Where(fields["where"]), "failure": Failure(failure) if failure else None})


class CarrierTrouble(Exception):
    """No GraphQL answer came, for the reason given in `trouble`."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.failure or trouble.message)
        self.trouble = trouble
