from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0008_sandboxed")]

    operations = [
        migrations.AddField("message", "writers", models.JSONField(default=list, editable=False)),
    ]
