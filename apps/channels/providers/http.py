"""HTTP to a provider: kept connections, a total time limit for each exchange, and whether anything was handed over.

urllib3 limits each read, not the whole, and its errors do not say whether the request had left; both decide here
between "certainly not sent" and "nobody knows". Not by way of `requests`: nothing of its sessions is
needed here.
"""

import io
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from requests import certs, utils
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
        return Unknown("timeout" if isinstance(error, TimeoutError) else "connection_lost", type(error).__name__)


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


POOLS = {"http": _Pool, "https": _SecurePool}


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` are found in any case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises `ValueError`."""
        return json.loads(self.content)


class Http:
    """The kept connections of one provider account."""

    def __init__(self, *, connect_timeout: float, total_timeout: float) -> None:
        self.connect_timeout = connect_timeout
        self.total_timeout = total_timeout
        self._local = threading.local()

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """The time limit for everything requested inside."""
        _current.exchange = Exchange(Deadline(self.total_timeout))
        yield _current.exchange

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Response:
        """`data` goes as a form, `auth` is name and password. Raises `OSError`. Redirects are not followed."""
        deadline = _current.exchange.deadline
        sent = dict(headers or {}) | (urllib3.make_headers(basic_auth=":".join(auth)) if auth else {})
        content: dict[str, Any] = {} if json is None else {"json": json}
        if data is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            content["body"] = urlencode(data, doseq=True)
        timeout = urllib3.Timeout(connect=min(self.connect_timeout, deadline.left()), read=deadline.left())
        target = f"{url}?{urlencode(params, doseq=True)}" if params else url
        try:
            answer = self._manager(url).request(
                method, target, headers=sent, timeout=timeout, retries=False, redirect=False, **content
            )
        except urllib3.exceptions.TimeoutError as error:
            raise TimeoutError(type(error).__name__) from None
        except urllib3.exceptions.HTTPError as error:
            # Its text may hold the number.
            raise ConnectionError(type(error).__name__) from None
        self._local.used_at = time.monotonic()
        return Response(answer.status, answer.headers, answer.data)

    def _manager(self, url: str) -> urllib3.PoolManager:
        # A connection that idled may be closed under our hands, and the request on it be of unknown outcome.
        if time.monotonic() - getattr(self._local, "used_at", 0.0) > IDLE_SECONDS:
            self.close()
        if not hasattr(self._local, "managers"):
            self._local.managers = {}
        managers = self._local.managers
        origin = urlsplit(url)[:2]
        if origin not in managers:
            managers[origin] = _new_manager(url)
            self._local.used_at = time.monotonic()
        return managers[origin]

    def close(self) -> None:
        for manager in self._local.__dict__.pop("managers", {}).values():
            manager.clear()


def _new_manager(url: str) -> urllib3.PoolManager:
    """Proxies and certificates are those of the environment, as `requests` reads them."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or certs.where()
    trust = {"cert_reqs": "CERT_REQUIRED", "ca_cert_dir" if os.path.isdir(bundle) else "ca_certs": bundle}
    proxy = utils.select_proxy(url, utils.get_environ_proxies(url, no_proxy=None))
    if proxy:
        proxy = utils.prepend_scheme_if_needed(proxy, "http")
        user = utils.get_auth_from_url(proxy)
        headers = urllib3.make_headers(proxy_basic_auth=":".join(user)) if any(user) else None
        manager: urllib3.PoolManager = urllib3.ProxyManager(proxy, proxy_headers=headers, **trust)
    else:
        manager = urllib3.PoolManager(**trust)
    manager.pool_classes_by_scheme = POOLS
    return manager


def retry_after(response: Response) -> float | None:
    """Seconds the provider asks for; a date in the header is left to our own backoff."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None
