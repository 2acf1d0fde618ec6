"""A class adviser is one of a class, not of each of its students."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def advise_units(registry: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    Relation, Adviser = registry.get_model("directory", "Relation"), registry.get_model("directory", "Adviser")
    of_students = Relation.objects.filter(kind="adviser")
    classes = of_students.filter(of__memberships__unit__kind="class")
    pairs = classes.values_list("person", "of__memberships__unit").distinct()
    Adviser.objects.bulk_create(Adviser(person_id=person, unit_id=unit) for person, unit in list(pairs))
    of_students.delete()


class Migration(migrations.Migration):
    dependencies = [("directory", "0002_states_and_segments")]

    operations = [migrations.RunPython(advise_units, migrations.RunPython.noop)]
