from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "apps.core"
    verbose_name = _("Operation")

    def ready(self) -> None:
        # By name, like in the other apps, so that it is clear that nothing of it is used here.
        import_module("apps.core.checks")
