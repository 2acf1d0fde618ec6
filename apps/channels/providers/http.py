"""HTTP to a provider: a kept session per thread, a total time limit per exchange, and whether anything was handed over.

`requests` limits each read, not the whole, and its errors do not say whether the request had left; both decide here
between "certainly not sent" and "nobody knows".
"""

import io
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from apps.channels.providers.base import Deferred, Unknown
from apps.channels.providers.deadline import Deadline, write

# Its debug lines hold the whole URL, and with it the number that was asked for.
logging.getLogger("urllib3.connectionpool").setLevel(logging.WARNING)

IDLE_SECONDS = 20
_current = threading.local()


class Exchange:
    """One request and its response on the calling thread."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.handed_over = False

    def outcome(self, error: Exception) -> Deferred | Unknown:
        if not self.handed_over:
            return Deferred("provider_unreachable", type(error).__name__)
        timed_out = isinstance(error, requests.Timeout | TimeoutError) or "timed out" in str(error)
        return Unknown("timeout" if timed_out else "connection_lost", type(error).__name__)


class _DeadlineReader(io.RawIOBase):
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # Keeps the socket open until the response is read, also when `http.client` has closed its own end.
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(_current.exchange.deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineSocket:
    """A socket as far as `http.client` needs one, bound to the deadline of the exchange it serves at the moment."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def sendall(self, content: bytes) -> None:
        _current.exchange.handed_over = True
        write(self._connection, content, _current.exchange.deadline)

    def makefile(self, mode: str, *args: Any, **kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._connection))


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _DeadlineSocket(self.sock)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _DeadlineSocket(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


class Http:
    """The kept sessions of one provider account."""

    def __init__(self, *, connect_timeout: float, total_timeout: float) -> None:
        self.connect_timeout = connect_timeout
        self.total_timeout = total_timeout
        self._local = threading.local()

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """The time limit for everything requested inside."""
        _current.exchange = Exchange(Deadline(self.total_timeout))
        yield _current.exchange

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Raises `OSError` (requests' errors are OSErrors too). Redirects are not followed."""
        deadline = _current.exchange.deadline
        timeout = (min(self.connect_timeout, deadline.left()), deadline.left())
        response = self._session(url).request(method, url, timeout=timeout, allow_redirects=False, **kwargs)
        self._local.used_at = time.monotonic()
        return response

    def _session(self, url: str) -> requests.Session:
        # A connection that idled may be closed under our hands, and the request on it be of unknown outcome.
        if time.monotonic() - getattr(self._local, "used_at", 0.0) > IDLE_SECONDS:
            self.close()
        if getattr(self._local, "session", None) is None:
            self._local.session = _new_session(url)
            self._local.used_at = time.monotonic()
        return self._local.session

    def close(self) -> None:
        session = getattr(self._local, "session", None)
        if session is not None:
            session.close()
            self._local.session = None


def _new_session(url: str) -> requests.Session:
    session = requests.Session()
    # Read once: per request it costs time, and a .netrc would replace our authorization.
    session.trust_env = False
    session.proxies = requests.utils.get_environ_proxies(url, no_proxy=None)
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def retry_after(response: requests.Response) -> float | None:
    """Seconds the provider asks for; a date in the header is left to our own backoff."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None
