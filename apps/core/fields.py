"""Model fields of our own."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class _AnyCharField(type):
    """Django refuses to mix two field classes in one expression; asked about that, ours is any `CharField`."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, models.CharField)


class ExactCharField(models.CharField, metaclass=_AnyCharField):
    """Text compared byte by byte: keys, addresses, tokens.

    MariaDB's default collation holds 'josé' = 'jose' and 🎓 = 🏫, and even `utf8mb4_bin` 'abc' = 'abc ': it
    takes a collation that pads nothing. SQLite compares bytes anyway.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, object]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"
        return parameters
