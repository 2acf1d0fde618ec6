"""The channels msgcenter ships, each with a sandbox account until real credentials are set."""

from django.db import migrations
from django.utils.translation import gettext_noop as _

CHANNELS = [
    # key, title, address kind, every address, batch size, window, crash rule
    ("inbox", _("Inbox"), "", False, 1, 1, "never"),
    ("email", _("E-mail"), "email", False, 500, 50, "repeat"),
    ("sms", _("SMS"), "mobile", False, 100, 5, "never"),
    ("push", _("App push"), "device", True, 200, 20, "repeat"),
]


def seed(apps, schema_editor):
    Channel = apps.get_model("channels", "Channel")
    ProviderAccount = apps.get_model("channels", "ProviderAccount")
    for key, title, kind, every, batch_size, window, rule in CHANNELS:
        channel = Channel.objects.create(
            key=key,
            title=title,
            address_kind=kind,
            every_address=every,
            batch_size=batch_size,
            window=window,
            crash_rule=rule,
        )
        if kind:
            ProviderAccount.objects.create(channel=channel, name="sandbox", provider="sandbox")


class Migration(migrations.Migration):
    dependencies = [("channels", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop, elidable=False)]
