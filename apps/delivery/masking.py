"""Addresses, so that their owner recognises them and nobody else can use them."""

from apps.directory.models import ContactPoint


def masked(address: str, kind: str) -> str:
    """138****0000, z***@example.com, dGVz…; a foreign number keeps its country code."""
    if not address:
        return ""
    if kind == ContactPoint.Kind.EMAIL:
        local, _at, domain = address.rpartition("@")
        return f"{local[:1]}***@{domain}"
    if kind == ContactPoint.Kind.MOBILE:
        number = address.removeprefix("+86")
        return f"{number[:3]}****{number[-4:]}"
    return f"{address[:4]}…"
