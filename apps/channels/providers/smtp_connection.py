"""One connection to an SMTP server."""

import smtplib
import socket
import ssl
import time

from apps.channels.providers import deadline as deadlines
from apps.channels.providers.deadline import Deadline

MAX_LINE = 8192
#: The end of a mail goes out in one piece with what follows it.
SMALL = deadlines.CHUNK // 2


class Connection(smtplib.SMTP):
    """smtplib's client with a total time limit, pipelining, and the knowledge whether the content was handed over.

    With PIPELINING (RFC 2920) the envelope of the next mail goes out in one write with the end of this one, so that a
    mail costs one round trip. An envelope promises nothing: until its own content is sent it may be dropped.
    """

    def __init__(self, deadline: Deadline, connect_timeout: float, context: ssl.SSLContext | None) -> None:
        super().__init__(local_hostname=socket.gethostname() or "localhost")
        self.deadline = deadline
        self.used_at = time.monotonic()
        self.handed_over = False
        self._connect_timeout = connect_timeout
        self._context = context
        self._unread = b""
        self._dirty = False
        # Whose envelope is out while its replies are not read; and whether the one being read was such.
        self._ahead: str | None = None
        self.announced = False

    def open(self, host: str, port: int, *, security: str) -> None:
        """Connect, encrypt and greet. Raises `OSError` or `SMTPException`."""
        self._host = host
        until = Deadline(min(self._connect_timeout, self.deadline.left()))
        self.sock = deadlines.connect(host, port, until)
        if security == "ssl":
            self.sock.settimeout(until.left())
            self.sock = self._context.wrap_socket(self.sock, server_hostname=host)
        code, text = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        if security == "starttls":
            self.starttls(context=self._context)
        self.ehlo_or_helo_if_needed()

    def ready(self, *, idle: bool) -> None:
        """Fit for the next message. Raises `OSError` or `SMTPException` when the server has gone away."""
        self.handed_over = False
        if self._ahead is not None:
            return
        if self._dirty or idle:
            code, text = self.rset()
            if code != 250:
                raise smtplib.SMTPServerDisconnected(str(text))
            self._dirty = False

    def is_for(self, address: str) -> bool:
        """Whether this connection can take a mail to `address` next: no other has been announced."""
        return self._ahead in (None, address)

    def transfer(self, sender: str, address: str, message: bytes, following: str | None = None) -> tuple[str, int, str]:
        """(stage that decided, reply code, reply text). `following`: the address of the next mail, if it is known."""
        self._dirty = True
        for stage, (code, text) in self._envelope(sender, address):
            if not 200 <= code < 400:
                return stage, code, text.decode("utf-8", "replace")
        self.announced = False
        self._ahead = following if following and self.has_extn("pipelining") else None
        code, text = self._content(message, _envelope(sender, self._ahead) if self._ahead else b"")
        self._dirty = self._ahead is not None
        return "content", code, text.decode("utf-8", "replace")

    def send(self, s: bytes | str) -> None:
        deadlines.write(self.sock, s.encode("ascii") if isinstance(s, str) else s, self.deadline)

    def getreply(self) -> tuple[int, bytes]:
        lines = []
        while True:
            line = self._line()
            lines.append(line[4:].strip(b" \t\r\n"))
            if not line[:3].isdigit():
                raise smtplib.SMTPServerDisconnected("not an SMTP reply")
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)

    def starttls(self, *, context: ssl.SSLContext) -> tuple[int, bytes]:
        self.ehlo_or_helo_if_needed()
        if self.has_extn("starttls"):
            self.sock.settimeout(self.deadline.left())
        reply = super().starttls(context=context)
        # Nothing said in the clear may count after the handshake.
        self._unread = b""
        return reply

    def _envelope(self, sender: str, address: str) -> list[tuple[str, tuple[int, bytes]]]:
        if not self.has_extn("pipelining"):
            return self._step_by_step(sender, address)
        self.announced, self._ahead = self._ahead is not None, None
        if not self.announced:
            self.send(_envelope(sender, address))
        replies = []
        for stage in ("sender", "recipient", "data"):
            replies.append((stage, self.getreply()))
            if replies[-1][1][0] == 421:
                break
        if replies[-1][1][0] == 354 and not all(code < 400 for _stage, (code, _text) in replies):
            # The server opened the content although it refused the recipient: end it empty.
            self.send(".\r\n")
            self.getreply()
        return replies

    def _step_by_step(self, sender: str, address: str) -> list[tuple[str, tuple[int, bytes]]]:
        replies = []
        commands = _envelope(sender, address).decode("ascii").splitlines()
        for stage, command in zip(("sender", "recipient", "data"), commands, strict=True):
            replies.append((stage, self.docmd(command)))
            if replies[-1][1][0] >= 400:
                break
        return replies

    def _content(self, message: bytes, envelope: bytes) -> tuple[int, bytes]:
        if len(message) > SMALL:
            self.send(message[:-SMALL])
            message = message[-SMALL:]
        self.handed_over = True
        self.send(message + b".\r\n" + envelope)
        return self.getreply()

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            if len(self._unread) > MAX_LINE:
                raise smtplib.SMTPServerDisconnected("reply too long")
            if self.sock is None:
                raise smtplib.SMTPServerDisconnected("not connected")
            self.sock.settimeout(self.deadline.left())
            received = self.sock.recv(4096)
            if not received:
                raise smtplib.SMTPServerDisconnected("connection closed")
            self._unread += received
        line, _newline, self._unread = self._unread.partition(b"\n")
        return line


def _envelope(sender: str, address: str) -> bytes:
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{address}>\r\nDATA\r\n".encode("ascii")
