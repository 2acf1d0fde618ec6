"""Every entry says from where and to which unit, and is chained to the one before; those of before are chained too."""

import django.core.serializers.json
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import apps.core.fields
from apps.audit import chain

BATCH = 1000


def chain_up(registry: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    Entry, Head = registry.get_model("audit", "Entry"), registry.get_model("audit", "Head")
    head = Head.objects.create(pk=1)
    last = 0
    while some := list(Entry.objects.filter(pk__gt=last).order_by("pk")[:BATCH]):
        for entry in some:
            entry.sequence, entry.previous = head.sequence + 1, head.signature
            entry.signature = chain.sign(entry)
            head.sequence, head.signature = entry.sequence, entry.signature
        Entry.objects.bulk_update(some, ["sequence", "previous", "signature"], batch_size=100)
        last = some[-1].pk
    head.save()


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Head",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.BigIntegerField(default=0)),
                ("signature", apps.core.fields.ExactCharField(default="0" * 64, max_length=64)),
            ],
        ),
        migrations.AlterField("entry", "at", models.DateTimeField(db_index=True, verbose_name="time")),
        migrations.AlterField(
            "entry",
            "details",
            models.JSONField(
                default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name="details"
            ),
        ),
        migrations.AddField(
            "entry",
            "door",
            models.CharField(
                choices=[("page", "page"), ("api", "API"), ("admin", "admin"), ("system", "system")],
                default="system",
                max_length=10,
                verbose_name="by way of",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "entry", "address", models.GenericIPAddressField(null=True, verbose_name="network address")
        ),
        migrations.AddField(
            "entry",
            "unit_id",
            models.BigIntegerField(db_index=True, null=True, verbose_name="id of the object's org unit"),
        ),
        migrations.AddField(
            "entry", "previous", apps.core.fields.ExactCharField(default="", max_length=64), preserve_default=False
        ),
        migrations.AddField(
            "entry",
            "signature",
            apps.core.fields.ExactCharField(default="", max_length=64, verbose_name="signature"),
            preserve_default=False,
        ),
        migrations.AddField("entry", "sequence", models.BigIntegerField(null=True, verbose_name="number")),
        migrations.RunPython(chain_up, migrations.RunPython.noop),
        migrations.AlterField("entry", "sequence", models.BigIntegerField(unique=True, verbose_name="number")),
    ]
