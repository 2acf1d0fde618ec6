"""An SMTP server on loopback that accepts into a ledger and fails on demand.

    python -m tests.servers.smtp_server --port 0 --ledger FILE

Faults and where they strike: REFUSE, REFUSE_ACCOUNT, DEFER, THROTTLE, UNAVAILABLE, DROP, HANG and GARBAGE at RCPT;
REFUSE_CONTENT, DEFER_CONTENT, ERROR and all others in the answer to the end of the content.
"""

import asyncio
import base64
import dataclasses
import re
import ssl
import time
from typing import Any

from tests.servers import base
from tests.servers.base import Fault, Server

AT_RECIPIENT = {
    Fault.REFUSE: b"550 5.1.1 <%s> no such user\r\n",
    Fault.REFUSE_ACCOUNT: b"530 5.7.0 authentication required\r\n",
    Fault.DEFER: b"450 4.2.1 mailbox busy, try later\r\n",
    Fault.THROTTLE: b"450 4.7.28 too many messages, slow down\r\n",
    Fault.UNAVAILABLE: b"421 4.3.2 shutting down\r\n",
    Fault.GARBAGE: b"\x00\xff what is this\r\n",
    Fault.DROP: b"",
    Fault.HANG: b"",
}
AT_END = {
    Fault.REFUSE_CONTENT: b"554 5.6.0 content refused\r\n",
    Fault.DEFER_CONTENT: b"451 4.3.0 try again later\r\n",
    Fault.ERROR: b"451 4.3.0 internal error\r\n",
    Fault.ERROR_AFTER_ACCEPT: b"451 4.3.0 internal error\r\n",
}
TAKEN = frozenset({None, Fault.ERROR_AFTER_ACCEPT, Fault.DROP_AFTER_ACCEPT, Fault.HANG_AFTER_ACCEPT, Fault.DRIP})
MESSAGE_ID = re.compile(rb"(?mi)^Message-ID: *<([^>\r\n]*)>")
DELIVERY = re.compile(rb"(?mi)^X-Msgcenter-Delivery: *([^\r\n]*)")


@dataclasses.dataclass
class Session:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    secure: bool = False
    known: bool = False
    sender: str | None = None
    recipient: str | None = None
    fault: Fault | None = None

    def reset(self) -> None:
        self.sender = self.recipient = self.fault = None


class SmtpServer(Server):
    """Entries of the ledger: to, sender, message_id, key (its left part), delivery (our header), size, secure, at.

    `users` makes login obligatory; `tls` (a server-side context) offers STARTTLS; `greeting` replaces the 220 line;
    `pipelining=False` hides the extension; `keep=True` keeps the raw messages in `contents`, dots undoubled; `injected`
    is what somebody on the line slips in before the encryption starts.
    """

    def __init__(
        self,
        *,
        users: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        greeting: str = "220 localhost ready",
        pipelining: bool = True,
        keep: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.users, self.tls = users, tls
        self.greeting, self.pipelining, self.keep = greeting, pipelining, keep
        self.contents: list[bytes] = []
        self.injected = b""
        self.commands = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer)
        session.secure = self.encrypted is not None
        writer.write(self.greeting.encode() + b"\r\n")
        if not self.greeting.startswith("220"):
            return
        while line := await reader.readline():
            self.commands += 1
            verb, _space, argument = line.decode("utf-8", "replace").strip().partition(" ")
            handler = getattr(self, f"_on_{verb.lower()}", None) if verb.isalpha() else None
            if handler is None:
                writer.write(b"500 5.5.2 what?\r\n")
            elif await handler(session, argument):
                return
            await writer.drain()

    async def _on_ehlo(self, session: Session, _argument: str) -> None:
        lines = ["localhost", "8BITMIME", "ENHANCEDSTATUSCODES"]
        lines += ["PIPELINING"] if self.pipelining else []
        lines += ["STARTTLS"] if self.tls and not session.secure else []
        lines += ["AUTH PLAIN LOGIN"] if self.users else []
        marked = [f"250{'-' if line is not lines[-1] else ' '}{line}\r\n" for line in lines]
        session.writer.write("".join(marked).encode())

    async def _on_helo(self, session: Session, _argument: str) -> None:
        session.writer.write(b"250 localhost\r\n")

    async def _on_noop(self, session: Session, _argument: str) -> None:
        session.writer.write(b"250 2.0.0 ok\r\n")

    async def _on_rset(self, session: Session, _argument: str) -> None:
        session.reset()
        session.writer.write(b"250 2.0.0 ok\r\n")

    async def _on_quit(self, session: Session, _argument: str) -> bool:
        session.writer.write(b"221 2.0.0 bye\r\n")
        return True

    async def _on_starttls(self, session: Session, _argument: str) -> None:
        session.writer.write(b"220 2.0.0 go ahead\r\n" + self.injected)
        await session.writer.drain()
        await session.writer.start_tls(self.tls)
        session.secure = True

    async def _on_auth(self, session: Session, argument: str) -> None:
        scheme, _space, initial = argument.partition(" ")
        if scheme.upper() == "PLAIN":
            name, secret = _decode(initial or await self._ask(session, b"")).split("\0")[1:]
        else:
            name = _decode(initial or await self._ask(session, b"Username:"))
            secret = _decode(await self._ask(session, b"Password:"))
        session.known = (self.users or {}).get(name) == secret
        session.writer.write(b"235 2.7.0 ok\r\n" if session.known else b"535 5.7.8 bad credentials\r\n")

    async def _on_mail(self, session: Session, argument: str) -> None:
        if self.users and not session.known:
            session.writer.write(b"530 5.7.0 authentication required\r\n")
        elif session.sender is not None:
            session.writer.write(b"503 5.5.1 nested MAIL\r\n")
        else:
            session.sender = _path(argument)
            session.writer.write(b"250 2.1.0 ok\r\n")

    async def _on_rcpt(self, session: Session, argument: str) -> bool | None:
        if session.sender is None:
            session.writer.write(b"503 5.5.1 MAIL first\r\n")
            return None
        session.fault = self.fault(_path(argument))
        if session.fault in AT_RECIPIENT:
            reply = AT_RECIPIENT[session.fault].replace(b"%s", _path(argument).encode())
            await self.answer(session.writer, reply, session.fault)
            return session.fault is Fault.UNAVAILABLE
        session.recipient = _path(argument)
        session.writer.write(b"250 2.1.5 ok\r\n")
        return None

    async def _on_data(self, session: Session, _argument: str) -> None:
        if session.recipient is None:
            session.writer.write(b"503 5.5.1 RCPT first\r\n")
            return
        session.writer.write(b"354 go ahead\r\n")
        await session.writer.drain()
        content = await _content(session.reader)
        fault = session.fault
        if fault in TAKEN:
            await self._take(session, content)
        reply = AT_END.get(fault, f"250 2.0.0 ok: queued as L{len(self._ledger.entries)}\r\n".encode())
        session.reset()
        await self.answer(session.writer, reply, fault)

    async def _take(self, session: Session, content: bytes) -> None:
        head = content.partition(b"\r\n\r\n")[0]
        message_id, delivery = _first(MESSAGE_ID, head), _first(DELIVERY, head)
        if self.keep:
            self.contents.append(re.sub(rb"(?m)^\.\.", b".", content))
        await self.accept(
            {
                "to": session.recipient,
                "sender": session.sender,
                "message_id": message_id,
                "key": message_id.partition("@")[0],
                "delivery": delivery,
                "size": len(content),
                "secure": session.secure,
                "at": time.time(),
            }
        )

    async def _ask(self, session: Session, prompt: bytes) -> str:
        session.writer.write(b"334 " + base64.b64encode(prompt) + b"\r\n")
        await session.writer.drain()
        return (await session.reader.readline()).decode().strip()


async def _content(reader: asyncio.StreamReader) -> bytes:
    content = await reader.readuntil(b".\r\n")
    while content != b".\r\n" and not content.endswith(b"\r\n.\r\n"):
        content += await reader.readuntil(b".\r\n")
    return content[:-3]


def _path(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]


def _decode(text: str) -> str:
    return base64.b64decode(text).decode()


def _first(pattern: re.Pattern[bytes], head: bytes) -> str:
    match = pattern.search(head)
    return match.group(1).decode() if match else ""


if __name__ == "__main__":
    parsed = base.arguments(__doc__.partition("\n")[0]).parse_args()
    server = SmtpServer(**base.common(parsed))
    server.script(base.scripted(parsed))
    server.run()
