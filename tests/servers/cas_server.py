"""A CAS server (protocol 3.0) on loopback, small enough for a test: one user at a time is logged in there.

    with CasServer() as server:
        server.user = "2024010101"

A ticket is good once, and for the service it was made for.
"""

import secrets
import urllib.parse
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from tests.servers.http_server import HttpServer, Reply, Request

SUCCESS = "<cas:authenticationSuccess><cas:user>{}</cas:user></cas:authenticationSuccess>"
FAILURE = '<cas:authenticationFailure code="INVALID_TICKET">not recognised</cas:authenticationFailure>'
ENVELOPE = '<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">{}</cas:serviceResponse>'


@dataclass
class Xml(Reply):
    def wire(self) -> bytes:
        body = ENVELOPE.format(self.payload).encode()
        return b"HTTP/1.1 200 -\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class CasServer(HttpServer):
    """`user` is who is logged in there; None refuses every ticket."""

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self.user: str | None = None
        self._tickets: dict[str, str] = {}

    async def handle(self, request: Request) -> Reply:
        if request.path == "/login":
            return self._login(request.query["service"])
        if request.path == "/p3/serviceValidate":
            return self._validate(request.query)
        return Reply(404)

    def _login(self, service: str) -> Reply:
        ticket = f"ST-{secrets.token_urlsafe(16)}"
        self._tickets[ticket] = service
        mark = "&" if "?" in service else "?"
        return Reply(302, headers={"Location": f"{service}{mark}{urllib.parse.urlencode({'ticket': ticket})}"})

    def _validate(self, query: dict[str, str]) -> Reply:
        fits = self._tickets.pop(query.get("ticket", ""), None) == query.get("service")
        return Xml(200, SUCCESS.format(escape(self.user)) if fits and self.user else FAILURE)
