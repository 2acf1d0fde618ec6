import django.db.models.deletion
from django.db import migrations, models


def a_key() -> models.ForeignKey:
    return models.ForeignKey(
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.SET_NULL,
        related_name="+",
        to="accounts.apikey",
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_api_keys"), ("directory", "0005_operators_of_rosters")]

    operations = [
        migrations.AddField("rosterimport", "created_key", a_key()),
        migrations.AddField("rosterimport", "applied_key", a_key()),
    ]
