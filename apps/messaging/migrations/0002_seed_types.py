"""The message types every school starts with."""

from django.db import migrations
from django.utils.translation import gettext_noop as _

TYPES = [
    # key, title, urgency, channels
    ("announcement", _("Announcement"), "general", ["inbox"]),
    ("notice", _("Notice"), "general", ["inbox", "email"]),
    ("exam", _("Exam arrangement"), "general", ["inbox", "email", "sms"]),
]


def seed(apps, schema_editor):
    MessageType = apps.get_model("messaging", "MessageType")
    Channel = apps.get_model("channels", "Channel")
    for key, title, urgency, channels in TYPES:
        created = MessageType.objects.create(key=key, title=title, urgency=urgency)
        created.channels.set(Channel.objects.filter(key__in=channels))


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("channels", "0002_seed_channels")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop, elidable=False)]
