from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"

    def ready(self) -> None:
        # By name, because models cannot be imported before the registry is ready.
        import_module("apps.accounts.logins")
