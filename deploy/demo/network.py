"""Free ports of this machine, and a password that keeps others off the broker."""

import secrets
import socket

from deploy.demo.options import words as _

HOST = "127.0.0.1"


def free_port(wanted: int = 0) -> int:
    """`wanted` or the next one that nobody listens on; any free one for 0."""
    for port in range(wanted, wanted + 100) if wanted else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError(_("There is no free port from %d on.") % wanted)


def new_password() -> str:
    return secrets.token_urlsafe(24)
