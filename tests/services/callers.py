"""What a helper process needs to answer one question after the other on a unix socket."""

import socket
from collections.abc import Iterator


def wait_for_callers(path: str) -> Iterator[socket.socket]:
    """One at a time; each is hung up on before the next is heard."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            caller, _address = listener.accept()
            with caller:
                yield caller


def question(caller: socket.socket) -> bytes:
    """All that the caller has to say until he shuts down his end."""
    with caller.makefile("rb") as content:
        return content.read()
