"""Our own words for what became of a delivery at a provider: code -> what a person reads.

Providers return these codes and no others; a vendor's codes are mapped to them in the vendor's file.
"""

from django.utils.translation import gettext_lazy as _

REASONS = {
    # About the recipient: final.
    "no_such_address": _("There is no such e-mail address."),
    "no_such_number": _("There is no such number, or it cannot receive text messages."),
    "no_live_device": _("The school's app is no longer installed on any device of this person."),
    "mailbox_full": _("The mailbox is full."),
    "opted_out": _("The recipient has opted out with the provider."),
    "unreachable_number": _("The number cannot be reached."),
    # About the message: final.
    "rejected": _("The provider refused the message."),
    "content_rejected": _("The provider refused the content."),
    "expired": _("The message had expired before it could be sent."),
    "missing_value": _("A value for this recipient is missing."),
    # For the time being.
    "try_later": _("The provider asks to try again later."),
    "throttled": _("The provider asks us to slow down."),
    "out_of_time": _("The provider was too slow; the rest goes in the next round."),
    "provider_unreachable": _("The provider cannot be reached."),
    "provider_error": _("The provider has an error of its own."),
    "account_refused": _("The provider does not accept our account."),
    "unmapped": _("The provider answered with a code we do not know."),
    # Handed over, and nothing heard after that.
    "timeout": _("The provider did not answer in time."),
    "connection_lost": _("The connection broke before the provider answered."),
}
