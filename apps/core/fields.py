"""Model fields of our own."""

from django.db import models


class ExactCharField(models.CharField):
    """Text compared byte by byte: keys, addresses, tokens.

    MariaDB's default collation holds 'josé' = 'jose' and 'abc' = 'abc '; SQLite compares bytes anyway.
    """

    def db_parameters(self, connection: object) -> dict[str, object]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters
