"""Twilio's call to create a message, answered with 201 and JSON after a settable time; nothing is kept but the count.

    python -m benchmarks.sms_server PORT SECONDS FILE

FILE holds the count (`COUNTER`), to be mapped by whoever asks often. One asyncio process waits for all connections.
"""

import asyncio
import itertools
import json
import mmap
import re
import struct
import sys
import time
from email.utils import formatdate

COUNTER = struct.Struct("q")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PATH = re.compile(rb"POST \S*/2010-04-01/Accounts/(\w+)/Messages\.json ")


class SmsServer:
    def __init__(self, seconds: float, counter: mmap.mmap) -> None:
        self.seconds = seconds
        self.counter = counter
        self.numbers = itertools.count(1)

    def reply(self) -> bytes:
        now = formatdate(time.time())
        number = next(self.numbers)
        COUNTER.pack_into(self.counter, 0, number)
        resource = {
            "sid": f"SM{number:032x}",
            "status": "queued",
            "direction": "outbound-api",
            "error_code": None,
            "date_created": now,
            "date_updated": now,
            "date_sent": None,
        }
        return wire(b"201 Created", json.dumps(resource).encode())


def wire(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head + body


class Connection(asyncio.Protocol):
    def __init__(self, server: SmsServer) -> None:
        self.server = server
        self.received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        length = int(found[1]) if found else 0
        if end and len(rest) >= length:
            self.received = rest[length:]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        if PATH.match(head):
            asyncio.get_running_loop().call_later(self.server.seconds, self.accept)
        else:
            self.transport.write(wire(b"404 Not Found", b"{}"))

    def accept(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.server.reply())


async def serve(port: int, seconds: float, counter: mmap.mmap) -> None:
    server = SmsServer(seconds, counter)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Connection(server), "127.0.0.1", port, backlog=1024)
    await listener.serve_forever()


if __name__ == "__main__":
    with open(sys.argv[3], "r+b") as file, mmap.mmap(file.fileno(), COUNTER.size) as counter:
        asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), counter))
