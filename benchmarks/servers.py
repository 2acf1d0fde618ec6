"""The private MariaDB all rows share, in a temporary folder that goes with the run."""

import contextlib
import os
from collections.abc import Iterator

from tests.services import mariadb_server, plugin
from tests.services.process import make_folder

#: What a server of a school would be given. All of it can be set while it runs.
#: The packet is for django-post_office, which puts all of its mails into one INSERT.
TUNING = {"innodb_buffer_pool_size": 2**30, "innodb_log_file_size": 2**29, "max_allowed_packet": 2**28}


@contextlib.contextmanager
def open_database() -> Iterator[mariadb_server.MariaDBServer]:
    """What `Stack` builds on, configured as in production."""
    for name in [name for name in os.environ if name.startswith("MSGCENTER_")]:
        del os.environ[name]
    os.environ.update({plugin.DATABASE: "mariadb", plugin.FOLDER: str(make_folder())})
    try:
        os.environ.update(plugin.base_environment() | plugin.database_environment())
        database = plugin.databases[-1]
        for name, value in TUNING.items():
            database.execute(f"SET GLOBAL {name} = {value}")
        yield database
    finally:
        plugin.stop_servers()
