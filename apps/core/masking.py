"""Addresses, so that their owner recognises them and nobody else can use them."""

HIDDEN = "•••"


def hidden(_value: object) -> str:
    """Nothing at all of a secret, not even how long it is."""
    return HIDDEN


def masked(address: str) -> str:
    """138****0000, z***@example.com, dGVz…; a foreign number keeps its country code."""
    local, at, domain = address.rpartition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    if address.startswith("+"):
        number = address.removeprefix("+86")
        return f"{number[:-8]}****{number[-4:]}"
    return f"{address[:4]}…" if address else ""
