"""Batches and windows as measured (docs/performance.md), where nobody has set others."""

from django.db import migrations

# key: (what was seeded, what is better): batch size, window, chains
TUNED = {"email": ((500, 50, 32), (500, 100, 16)), "sms": ((100, 5, 32), (50, 50, 64))}


def tune(apps, schema_editor):
    Channel = apps.get_model("channels", "Channel")
    for key, (before, after) in TUNED.items():
        untouched = Channel.objects.filter(key=key, batch_size=before[0], window=before[1], chains=before[2])
        untouched.update(batch_size=after[0], window=after[1], chains=after[2])


class Migration(migrations.Migration):
    dependencies = [("channels", "0004_accounts_in_use")]
    operations = [migrations.RunPython(tune, migrations.RunPython.noop)]
