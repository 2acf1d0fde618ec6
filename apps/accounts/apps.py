from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        # By name, because models cannot be imported before the registry is ready.
        for module in ("logins", "login.events", "login.admin"):
            import_module(f"apps.accounts.{module}")
