"""The part of HTTP/1.1 that the fake providers speak: keep-alive, bodies by length, JSON answers."""

import asyncio
import base64
import dataclasses
import json
import re
import urllib.parse
from typing import Any

from tests.servers.base import Fault, Server


@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def form(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body)

    def basic_auth(self) -> tuple[str, str]:
        scheme, _space, value = self.headers.get("authorization", "").partition(" ")
        name, _colon, secret = base64.b64decode(value).decode().partition(":") if scheme == "Basic" else ("", "", "")
        return name, secret


@dataclasses.dataclass
class Reply:
    status: int
    payload: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    fault: Fault | None = None

    def wire(self) -> bytes:
        if self.fault is Fault.GARBAGE:
            return b"\x00\xff what is this\r\n\r\n"
        body = b"" if self.payload is None else json.dumps(self.payload).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} -\r\n{lines}\r\n".encode() + body


class HttpServer(Server):
    @property
    def url(self) -> str:
        return f"http{'s' if self.encrypted else ''}://{self.host}:{self.port}"

    async def handle(self, request: Request) -> Reply:
        raise NotImplementedError

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _read(reader):
            reply = await self.handle(request)
            await self.answer(writer, reply.wire(), reply.fault)
            await writer.drain()
            if reply.fault is Fault.GARBAGE or request.headers.get("connection", "").lower() == "close":
                return


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    headers = {}
    for line in lines:
        name, _colon, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    # With scheme and host where the client takes us for its proxy.
    path, _mark, query = re.sub(r"^http://[^/]+", "", target).partition("?")
    return Request(method, path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), headers, body)
