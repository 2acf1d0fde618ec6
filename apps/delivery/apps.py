from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import pre_save
from django.utils.translation import gettext_lazy as _

from apps.core import alerts
from apps.directory.signals import contacts_entered


class DeliveryConfig(AppConfig):
    name = "apps.delivery"
    verbose_name = _("Delivery")

    def ready(self) -> None:
        # By name, because models cannot be imported before the registry is ready.
        suppressions = import_module("apps.delivery.suppressions")
        pre_save.connect(suppressions.contact_entered, sender="directory.ContactPoint")
        contacts_entered.connect(suppressions.contacts_entered)
        reasons = import_module("apps.delivery.reasons")
        alerts.DETAILS.update({**reasons.REASONS, **reasons.STUCK})
