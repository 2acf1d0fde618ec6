"""Holding the directory while an import looks at it again and writes: nobody changes what has been looked at.

SQLite has one writer at a time as it is; these are for MySQL. Rows are locked in the order of their keys, so that two
who want the same ones wait for each other only one way round.
"""

from collections.abc import Iterable

from django.db.models import QuerySet

from apps.core.db import chunks
from apps.directory.models import ContactPoint, Membership, Person, Relation, RosterImport

RUN = 2_000


def one_import() -> None:
    """Until the transaction ends no other import is applied. First of all: what is read before may be old.

    The row that all share is the oldest import: nothing refers to it, so that nobody else waits for it.
    """
    _lock(RosterImport.objects.order_by("pk")[:1])


def people(ids: Iterable[int]) -> None:
    """Also the guardians of those who are children. Who is locked gets no row that refers to him either."""
    held = set(ids)
    for some in chunks(sorted(held), RUN):
        relations = Relation.objects.filter(of__in=some, kind=Relation.Kind.GUARDIAN)
        held |= set(relations.values_list("person", flat=True))
    for some in chunks(sorted(held), RUN):
        _lock(Person.objects.filter(pk__in=some).order_by("pk"))
        for model in (ContactPoint, Membership):
            _lock(model.objects.filter(person__in=some).order_by("pk"))


def _lock(rows: QuerySet) -> None:
    list(rows.select_for_update().values_list("pk"))
