"""Debian's slapd on loopback, with a directory of its own in a folder that the test gives."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

SUFFIX = "dc=school,dc=example"
CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
database mdb
suffix "{suffix}"
rootdn "cn=admin,{suffix}"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read
"""
TREE = """\
dn: {suffix}
objectClass: domain
dc: school

dn: ou=people,{suffix}
objectClass: organizationalUnit
ou: people
"""
PERSON = """
dn: uid={uid},ou=people,{suffix}
objectClass: inetOrgPerson
uid: {uid}
cn: {uid}
sn: {uid}
employeeNumber: {number}
userPassword: {password}
"""
PATIENCE = 15.0


@contextlib.contextmanager
def slapd(folder: Path, people: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """`people`: uid -> number, password. Yields the address of the running server."""
    (folder / "data").mkdir(parents=True)
    config, entries = folder / "slapd.conf", folder / "people.ldif"
    config.write_text(CONFIG.format(folder=folder, suffix=SUFFIX))
    rows = (PERSON.format(uid=uid, number=one[0], password=one[1], suffix=SUFFIX) for uid, one in people.items())
    entries.write_text(TREE.format(suffix=SUFFIX) + "".join(rows))
    program = shutil.which("slapd", path="/usr/sbin:/usr/libexec:/usr/lib/ldap:/usr/bin") or "slapd"
    add = shutil.which("slapadd", path="/usr/sbin:/usr/bin") or "slapadd"
    subprocess.run([add, "-f", config, "-l", entries], check=True, capture_output=True, timeout=60)
    port = free_port()
    address = f"ldap://127.0.0.1:{port}"
    process = subprocess.Popen([program, "-h", address, "-f", config, "-d", "0"], stderr=subprocess.PIPE)
    try:
        wait(port, process)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"slapd did not start: {process.stderr.read() if process.poll() is not None else ''!r}")
