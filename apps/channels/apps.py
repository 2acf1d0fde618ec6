from importlib import import_module

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "apps.channels"

    def ready(self) -> None:
        # By name, because models cannot be imported before the registry is ready.
        import_module("apps.channels.sandbox")
        import_module("apps.channels.checks")
