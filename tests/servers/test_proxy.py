"""The proxy spoils a line in the ways it names, and in no other."""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.servers.proxy import Proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while content := self.request.recv(65536):
                self.server.received += content
                self.request.sendall(content)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    received = b""


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    received = b""


@contextlib.contextmanager
def running(server: socketserver.BaseServer) -> Iterator[socketserver.BaseServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def echo() -> Iterator[Server]:
    with running(Server(("127.0.0.1", 0), Echo)) as server:
        yield server


@pytest.fixture
def proxy(echo: Server) -> Iterator[Proxy]:
    with Proxy(echo.server_address) as proxy:
        yield proxy


@pytest.fixture
def line(proxy: Proxy) -> Iterator[socket.socket]:
    with dial(proxy) as line:
        yield line


def dial(proxy: Proxy) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    line.settimeout(10)
    return line


def ask(line: socket.socket, content: bytes) -> bytes:
    line.sendall(content)
    answer = b""
    while len(answer) < len(content):
        answer += line.recv(65536)
    return answer


def test_a_healthy_line_passes_everything_on(line: socket.socket) -> None:
    content = bytes(range(256)) * 4096
    threading.Thread(target=line.sendall, args=[content]).start()
    answer = b""
    while len(answer) < len(content):
        answer += line.recv(65536)
    assert answer == content


def test_an_end_of_file_is_passed_on(line: socket.socket) -> None:
    line.sendall(b"hello")
    line.shutdown(socket.SHUT_WR)
    with line.makefile("rb") as answer:
        assert answer.read() == b"hello"


def test_a_unix_socket_may_be_behind_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("u") / "s")
    with running(UnixServer(path, Echo)), Proxy(path) as proxy, dial(proxy) as line:
        assert ask(line, b"hello") == b"hello"


def test_latency_is_added_in_both_directions(proxy: Proxy, line: socket.socket) -> None:
    proxy.spoil(latency=0.1)
    started = time.monotonic()
    assert ask(line, b"hello") == b"hello"
    assert time.monotonic() - started >= 0.2
    proxy.heal()
    assert ask(line, b"again") == b"again"


def test_answers_come_byte_by_byte_at_the_rate(proxy: Proxy, line: socket.socket) -> None:
    proxy.spoil(answer_rate=50)
    started = time.monotonic()
    assert ask(line, b"hello again") == b"hello again"
    assert time.monotonic() - started >= 0.2


def test_a_cut_request_reaches_the_server_in_part_and_ends_in_a_reset(
    proxy: Proxy, line: socket.socket, echo: Server
) -> None:
    assert ask(line, b"before") == b"before"
    proxy.spoil(cut_after=3)
    with pytest.raises(ConnectionResetError):
        ask(line, b"hello")
    for _ in range(500):
        if echo.received == b"beforehel":
            break
        time.sleep(0.01)
    assert echo.received == b"beforehel"
    assert proxy.resets == 1


def test_a_cut_answer_was_received_by_the_server(proxy: Proxy, line: socket.socket, echo: Server) -> None:
    proxy.spoil(cut_answer_after=0)
    line.sendall(b"hello")
    with pytest.raises(ConnectionResetError):
        line.recv(100)
    assert echo.received == b"hello"


def test_a_reset_ends_what_is_open_and_lets_in_what_comes(proxy: Proxy, line: socket.socket) -> None:
    assert ask(line, b"hello") == b"hello"
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        line.recv(100)
    with dial(proxy) as another:
        assert ask(another, b"hello") == b"hello"


def test_down_refuses_and_up_listens_on_the_same_port(proxy: Proxy, line: socket.socket) -> None:
    assert ask(line, b"hello") == b"hello"
    port = proxy.port
    proxy.down()
    with pytest.raises(ConnectionResetError):
        line.recv(100)
    with pytest.raises(ConnectionRefusedError):
        dial(proxy)
    proxy.up()
    assert proxy.port == port
    with dial(proxy) as another:
        assert ask(another, b"hello") == b"hello"
