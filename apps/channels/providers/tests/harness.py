"""What the harnesses of the network providers share."""

import socket

from apps.channels.providers.base import Provider
from tests.servers.base import Fault, Server

_opened: list[Provider] = []


def opened(provider: Provider) -> Provider:
    """Its connections of this thread are closed after the test."""
    _opened.append(provider)
    return provider


def close_opened() -> None:
    while _opened:
        _opened.pop().close()


class ServerHarness:
    """The faults of the contract, told to a real server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._faults: dict[str, Fault] = {}
        server.script(lambda _number, recipient: self._faults.get(recipient))

    def fault(self, address: str, fault: Fault) -> None:
        self._faults[address] = fault

    def accepted(self) -> list[str]:
        return [entry["to"] for entry in self.server.accepted]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
