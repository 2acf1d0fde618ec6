from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsConfig(AppConfig):
    name = "apps.channels"
    verbose_name = _("Channels")

    def ready(self) -> None:
        # By name, because models cannot be imported before the registry is ready.
        import_module("apps.channels.sandbox")
        import_module("apps.channels.checks")
