from importlib import import_module

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        # By name, like in the other apps, so that it is clear that nothing of it is used here.
        import_module("apps.core.checks")
