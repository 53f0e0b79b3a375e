"""A mail server on the loopback address that can be as difficult as real ones: it refuses, breaks off, and takes its time."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from email.message import EmailMessage
from types import TracebackType
from typing import Self, cast


class MailServer:
    """Speaks as much SMTP (RFC 5321) as `smtplib` asks for.

    `refused`: answers to RCPT by address ("550 5.1.1 No such user"). `after_data`: the answer to a whole mail.
    `breaks_at`: the command at which it hangs up ("DATA", "MAIL", "." for the end of a mail). `silent_at`: the command it
    never answers. Each holds until it is changed.
    """

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.commands: list[str] = []
        self.refused: dict[str, str] = {}
        self.after_data = "250 Taken"
        self.breaks_at = ""
        self.silent_at = ""
        self.greeting = "220 mail.test ESMTP"
        self.heard = threading.Condition()
        self.over = threading.Event()
        outer = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer._talk(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Talk)
        self.port = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int, timeout_s: float = 40.0) -> list[EmailMessage]:
        """The mails, once there are `count` of them."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.taken) >= count, timeout_s), (self.commands, self.taken)
            return list(self.taken)

    def _talk(self, talk: socketserver.StreamRequestHandler) -> None:
        def say(line: str) -> None:
            talk.wfile.write(line.encode() + b"\r\n")

        sender, recipients = "", cast(list[str], [])
        say(self.greeting)
        while line := talk.rfile.readline().decode("utf-8", "replace").rstrip("\r\n"):
            verb = line.partition(" ")[0].upper()
            self.commands.append(line)
            if verb == self.silent_at:
                self.over.wait()
                return
            if verb == self.breaks_at:
                return
            match verb:
                case "EHLO" | "HELO":
                    say("250 mail.test")
                case "MAIL":
                    sender, recipients = _address(line), []
                    say("250 OK")
                case "RCPT":
                    answer = self.refused.get(_address(line), "250 OK")
                    if answer.startswith("2"):
                        recipients.append(_address(line))
                    say(answer)
                case "DATA":
                    say("354 Go on")
                    body = self._body(talk)
                    if self.breaks_at == ".":
                        return
                    if self.after_data.startswith("2"):
                        with self.heard:
                            parsed = email.message_from_bytes(body, policy=email.policy.default)
                            self.taken.append(cast(EmailMessage, parsed))
                            self.envelopes.append((sender, recipients))
                            self.heard.notify_all()
                    say(self.after_data)
                case "QUIT":
                    say("221 Bye")
                    return
                case _:
                    say("250 OK")

    @staticmethod
    def _body(talk: socketserver.StreamRequestHandler) -> bytes:
        lines = []
        while (line := talk.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
