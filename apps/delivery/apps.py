from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.core import alerts


class DeliveryConfig(AppConfig):
    name = "apps.delivery"
    verbose_name = _("Delivery")

    def ready(self) -> None:
        reasons = import_module("apps.delivery.reasons")
        alerts.DETAILS.update({**reasons.REASONS, **reasons.STUCK})
