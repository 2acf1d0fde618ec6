"""A total time limit for an exchange over a socket.

A socket timeout limits one read. A server that sends one byte a second never runs into it and would hold the
thread for hours, so every read and write here gets only what is left of the whole.
"""

import socket
import time

CHUNK = 65536


class Deadline:
    """A moment by which everything must be over. Raises `TimeoutError` when it has passed."""

    def __init__(self, seconds: float, *, per_step: float | None = None) -> None:
        self.at = time.monotonic() + seconds
        self.per_step = per_step or seconds

    def left(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the total time limit has passed")
        return min(left, self.per_step)


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """All addresses of the host share the one deadline. Raises `OSError`."""
    error: OSError = OSError(f"no address for {host}")
    for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(deadline.left())
            connection.connect(address)
        except OSError as failure:
            connection.close()
            error = failure
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise error


def write(connection: socket.socket, content: bytes, deadline: Deadline) -> None:
    view = memoryview(content)
    while view:
        connection.settimeout(deadline.left())
        view = view[connection.send(view[:CHUNK]) :]
