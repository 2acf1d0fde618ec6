"""E-mail over SMTP: one message per recipient on a kept connection per thread.

What the server says is read by `smtp_replies`, how it is said is in `smtp_connection`. Until the end of the content is
written nothing has been handed over, so whatever breaks before is deferred; what breaks after it is unknown.
"""

import base64
import email.headerregistry
import email.message
import email.policy
import email.utils
import functools
import hashlib
import re
import smtplib
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.channels.providers import smtp_replies
from apps.channels.providers.base import (
    Accepted,
    Deferred,
    Outgoing,
    Provider,
    Refused,
    Result,
    Setting,
    SettingsError,
    Unknown,
)
from apps.channels.providers.deadline import Deadline
from apps.channels.providers.smtp_connection import Connection

IDLE_SECONDS = 5
ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\]:;,\\\"@]{1,64}@[^\s\x00-\x1f\x7f<>()\[\]:;,\\\"@]{1,253}")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
# 7 bit, so that any server may relay it.
POLICY = email.policy.SMTP.clone(cte_type="7bit")
MIME = b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: '
PLAIN, BASE64 = MIME + b"7bit", MIME + b"base64"
#: Octets of a line without its end (RFC 5322, 2.1.1).
MAX_LINE = 998


class SmtpProvider(Provider):
    key = "smtp"
    label = _("E-mail (SMTP)")
    channels = frozenset({"email"})
    schema = (
        Setting("host", _("Server")),
        Setting("port", _("Port"), kind="integer", default=587),
        Setting(
            "security",
            _("Encryption"),
            kind="choice",
            default="starttls",
            choices=(("starttls", _("STARTTLS")), ("ssl", _("TLS from the start")), ("none", _("None"))),
        ),
        Setting("username", _("User name"), required=False, default=""),
        Setting("password", _("Password"), kind="secret", required=False, default=""),
        Setting("from_address", _("From address"), kind="email"),
        Setting("from_name", _("From name"), required=False, default=""),
        Setting(
            "message_id_domain",
            _("Domain of message identifiers"),
            required=False,
            default="",
            help_text=_("Empty: the domain of the from address."),
        ),
        Setting(
            "ca_certificate",
            _("Certificate authority (PEM)"),
            kind="multiline_secret",
            required=False,
            default="",
            help_text=_("Only for a server whose certificate was issued by the school itself."),
        ),
        Setting("connect_timeout_ms", _("Time to connect (ms)"), kind="integer", default=5000),
        Setting("command_timeout_ms", _("Time for one answer (ms)"), kind="integer", default=10000),
        Setting("total_timeout_ms", _("Time for one message (ms)"), kind="integer", default=20000),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._local = threading.local()
        self._announces = True
        self._from = mailbox(self.settings["from_address"])
        self._domain = self.settings["message_id_domain"] or self._from.rpartition("@")[2]
        self._sender = _sender_header(self.settings["from_name"], self._from)

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        cleaned = super().clean(settings)
        errors = {}
        if mailbox(cleaned["from_address"]) is None:
            errors["from_address"] = gettext("Not an e-mail address.")
        if re.search(r"[\x00-\x1f\x7f]", cleaned["from_name"]):
            errors["from_name"] = gettext("One line of text, please.")
        if cleaned["message_id_domain"] and not HOST.fullmatch(cleaned["message_id_domain"]):
            errors["message_id_domain"] = gettext("Not a domain name.")
        if errors:
            raise SettingsError(errors)
        return cleaned

    def deliver(self, outgoing: Outgoing) -> Result:
        return self.deliver_before(outgoing, None)

    def deliver_before(self, outgoing: Outgoing, following: Outgoing | None) -> Result:
        address = _address(outgoing)
        if address is None:
            return Refused("no_such_address")
        if re.search(r"[\r\n\x00]", outgoing.title):
            return Refused("content_rejected", "line break in the title")
        try:
            message = self._headers(outgoing, address) + content(outgoing.title, outgoing.body)
        except ValueError as error:
            return Refused("content_rejected", type(error).__name__)
        deadline = self._deadline()
        # A kept connection that turns out to be gone says nothing about the server: one try on a new one.
        next_address = _address(following) if following else None
        return self._converse(address, message, deadline, next_address) or self._converse(address, message, deadline)

    def health(self) -> None:
        self.close()
        try:
            self._connection(self._deadline()).noop()
        except smtplib.SMTPException as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _converse(
        self, address: str, message: bytes, deadline: Deadline, following: str | None = None
    ) -> Result | None:
        """None: the kept connection was dead, nothing was handed over."""
        kept = self._kept(deadline, address)
        try:
            connection = kept or self._connection(deadline)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            return smtp_replies.not_connected(error)
        try:
            next_one = following if self._announces else None
            stage, code, text = connection.transfer(self._from, address, message, next_one)
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            if connection.announced and isinstance(error, TimeoutError):
                # A server that threw away what came after the end of a mail: this one is asked mail by mail.
                self._announces = False
                return None
            if not connection.handed_over and kept and not isinstance(error, TimeoutError):
                return None
            return _broken(connection, error)
        connection.used_at = time.monotonic()
        if code == 421:
            self.close()
            if kept and stage == "sender":
                return None
        return _result(stage, code, text.replace(address, "…"))

    def _deadline(self) -> Deadline:
        return Deadline(self.settings["total_timeout_ms"] / 1000, per_step=self.settings["command_timeout_ms"] / 1000)

    def _kept(self, deadline: Deadline, address: str) -> Connection | None:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            return None
        if not connection.is_for(address):
            self.close()
            return None
        connection.deadline = deadline
        try:
            connection.ready(idle=time.monotonic() - connection.used_at > IDLE_SECONDS)
        except (smtplib.SMTPException, OSError):
            self.close()
            return None
        return connection

    def _connection(self, deadline: Deadline) -> Connection:
        settings = self.settings
        connection = Connection(deadline, settings["connect_timeout_ms"] / 1000, self._context())
        try:
            connection.open(settings["host"], settings["port"], security=settings["security"])
            if settings["username"]:
                connection.login(settings["username"], settings["password"])
        except BaseException:
            connection.close()
            raise
        self._local.connection = connection
        return connection

    def _context(self) -> ssl.SSLContext | None:
        if self.settings["security"] == "none":
            return None
        return ssl.create_default_context(cadata=self.settings["ca_certificate"] or None)

    def _headers(self, outgoing: Outgoing, address: str) -> bytes:
        identifier = outgoing.key if re.fullmatch(r"[\w.+=-]{1,200}", outgoing.key, re.ASCII) else _digest(outgoing.key)
        lines = (
            self._sender,
            f"To: {address}",
            f"Message-ID: <{identifier}@{self._domain}>",
            f"Date: {_date(int(time.time()))}",
            f"X-Msgcenter-Delivery: {outgoing.delivery_id}-{outgoing.attempt}",
            "Auto-Submitted: auto-generated",
        )
        return "".join(f"{line}\r\n" for line in lines).encode("ascii")


@functools.lru_cache(maxsize=16)
def content(title: str, body: str) -> bytes:
    """Subject, MIME headers and body, dots doubled: built once for all who get the same.

    By hand, because `email.message` takes longer for a personal text than all the rest of its way.
    """
    lines = body.splitlines()
    text = "".join(f"{line}\r\n" for line in lines).encode("utf-8")
    if body.isascii() and all(len(line) <= MAX_LINE for line in lines):
        return b"%b%b\r\n\r\n%b" % (_subject(title), PLAIN, re.sub(rb"(?m)^\.", b"..", text))
    encoded = base64.encodebytes(text).replace(b"\n", b"\r\n")
    return b"%b%b\r\n\r\n%b" % (_subject(title), BASE64, encoded)


@functools.lru_cache(maxsize=16)
def _subject(title: str) -> bytes:
    message = email.message.EmailMessage(policy=POLICY)
    message["Subject"] = title
    return message.as_bytes().rstrip(b"\r\n") + b"\r\n"


def _address(outgoing: Outgoing) -> str | None:
    return mailbox(outgoing.addresses[0]) if outgoing.addresses else None


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    return email.utils.format_datetime(datetime.fromtimestamp(second, UTC))


@functools.lru_cache(maxsize=1024)
def _domain(domain: str) -> str:
    return domain.encode("idna").decode("ascii")


def mailbox(address: str) -> str | None:
    """The address as it goes over the wire, an international domain in ASCII; None if it is none."""
    local, _at, domain = address.rpartition("@")
    try:
        wire = f"{local}@{_domain(domain)}"
    except UnicodeError:
        return None
    return wire if wire.isascii() and ADDRESS.fullmatch(wire) else None


def _sender_header(name: str, address: str) -> str:
    message = email.message.EmailMessage(policy=POLICY)
    message["From"] = email.headerregistry.Address(display_name=name, addr_spec=address)
    return message.as_string().strip()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _result(stage: str, code: int, text: str) -> Result:
    if 200 <= code < 300:
        return Accepted(reference=smtp_replies.queue_id(text))
    return smtp_replies.classify(stage, code, text)


def _broken(connection: Connection, error: Exception) -> Deferred | Unknown:
    code = "timeout" if isinstance(error, TimeoutError) else "connection_lost"
    return (Unknown if connection.handed_over else Deferred)(code, type(error).__name__)
