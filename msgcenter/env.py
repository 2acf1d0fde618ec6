"""Typed readers of the environment. A value that cannot be read stops the start and says which one."""

import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
ORIGIN = re.compile(r"(https?://[a-z0-9.:\[\]-]+)(?:/\S*)?", re.IGNORECASE)


def load_file(path: Path) -> None:
    """Read `NAME=value` lines into the environment; what is already set there wins."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.lstrip().startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


def text(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set: run ./deploy/trial, or set it in the environment.")
    return value


def integer(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def boolean(name: str, *, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value.lower() in TRUE


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def origin(address: str) -> str:
    """Scheme, host and port of it, as a content security policy names them."""
    found = ORIGIN.fullmatch(address)
    if found is None:
        raise ImproperlyConfigured(f"{address!r} is no address that begins with http:// or https://.")
    return found[1]
