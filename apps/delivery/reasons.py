"""Why a delivery stands where it stands, in words: the dispatch's own reasons beside those of the providers."""

from django.utils.translation import gettext_lazy as _

from apps.channels.providers.reasons import REASONS as PROVIDER_REASONS

REASONS = {
    **PROVIDER_REASONS,
    "no_address": _("The person has no address for this channel."),
    "opted_out": _("The recipient does not want messages at this address."),
    "dead_address": _("The address is known to be dead."),
    "recalled": _("The message was recalled before it could be sent."),
    "expired": _("The message had expired before it could be sent."),
    "unconfirmed": _("The provider never confirmed it, and it is not sent again by itself."),
    "resent": _("Somebody has sent it again, so it may arrive twice."),
    "found": _("The provider's own list has it."),
    "missing_value": _("A value for this recipient is missing."),
    "lease_over": _("The worker stopped while sending; the outcome is being looked into."),
}

#: Why a whole message does not move.
STUCK = {
    "channel_off": _("The channel is switched off."),
    "channel_paused": _("The channel is paused."),
    "no_account": _("The channel has no provider account that can be used."),
    "doorbells_fail": _("The queue cannot be reached."),
    "no_worker": _("No worker takes it: are those of its channel running?"),
    "not_due": _("Its deliveries wait for their time."),
}


def words(code: str) -> str:
    """For a person to read; a code nobody knows stands for itself."""
    return str(REASONS.get(code, code))
