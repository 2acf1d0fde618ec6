"""The raw limit of e-mail: prebuilt mail over one kept connection, nothing else. A child of `Driver`.

Three clients that differ in how often they wait for the server.
"""

import smtplib
import socket
import sys
from collections.abc import Callable

from benchmarks import content, driver

Client = Callable[[int, int, bytes], None]


def plain(port: int, count: int, mail: bytes) -> None:
    """`smtplib.sendmail`: every command waits for its answer."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as server:
        for number in range(count):
            server.sendmail(content.SENDER, [content.address(number)], mail)


class Conversation:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb")
        self.expect(b"220")
        self.socket.sendall(b"EHLO localhost\r\n")
        while self.replies.readline()[3:4] == b"-":
            pass

    def expect(self, *codes: bytes) -> None:
        for code in codes:
            line = self.replies.readline()
            if not line.startswith(code):
                raise OSError(f"expected {code!r}, got {line!r}")

    def close(self) -> None:
        self.socket.sendall(b"QUIT\r\n")
        self.expect(b"221")
        self.replies.close()
        self.socket.close()


def envelope(number: int) -> bytes:
    return f"MAIL FROM:<{content.SENDER}>\r\nRCPT TO:<{content.address(number)}>\r\nDATA\r\n".encode()


def pipelined(port: int, count: int, mail: bytes) -> None:
    """MAIL, RCPT and DATA in one write (RFC 2920): two round trips for each mail."""
    conversation = Conversation(port)
    for number in range(count):
        conversation.socket.sendall(envelope(number))
        conversation.expect(b"250", b"250", b"354")
        conversation.socket.sendall(mail + b".\r\n")
        conversation.expect(b"250")
    conversation.close()


def chained(port: int, count: int, mail: bytes) -> None:
    """The next envelope in one write with the end of a mail: one round trip for each."""
    conversation = Conversation(port)
    conversation.socket.sendall(envelope(0))
    conversation.expect(b"250", b"250", b"354")
    for number in range(1, count):
        conversation.socket.sendall(mail + b".\r\n" + envelope(number))
        conversation.expect(b"250", b"250", b"250", b"354")
    conversation.socket.sendall(mail + b".\r\n")
    conversation.expect(b"250")
    conversation.close()


CLIENTS: dict[str, Client] = {"plain": plain, "pipelined": pipelined, "chained": chained}


def main() -> None:
    port, mail = int(sys.argv[1]), content.prebuilt_mail()
    driver.obey(lambda client, count: CLIENTS[client](port, count, mail))


if __name__ == "__main__":
    main()
