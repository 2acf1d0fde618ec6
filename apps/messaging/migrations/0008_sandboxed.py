import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_api_keys"), ("messaging", "0007_wider_rules")]

    operations = [
        migrations.AddField(
            "message",
            "sandboxed",
            models.BooleanField(default=False, editable=False, verbose_name="sandbox only"),
        ),
        migrations.AddField(
            "message",
            "publisher",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="published_messages",
                to=settings.AUTH_USER_MODEL,
                verbose_name="published by",
            ),
        ),
        migrations.AddField(
            "message",
            "publisher_key",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="accounts.apikey",
                verbose_name="published with key",
            ),
        ),
    ]
