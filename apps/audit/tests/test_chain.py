"""The audit log is chained: whoever changes, removes or puts in an entry is found out, and the entry named."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.test import override_settings

from apps.accounts.tests.factories import a_user
from apps.audit import chain
from apps.audit import services as audit
from apps.audit.chain import Fault, Finding
from apps.audit.models import Entry, Head
from apps.core.tests.threads import together
from apps.directory.tests.factories import a_unit

pytestmark = pytest.mark.django_db
OTHER_KEY = "another-key-of-more-than-fifty-characters-0123456789-abcdefgh"


@pytest.fixture
def rows(db: None) -> models.QuerySet[Entry]:
    """Five entries, by a manager that can do what the log's own refuses: as somebody at the database."""
    user = a_user("clerk")
    for number in range(5):
        audit.record("change", a_unit(f"unit {number}"), by=user, changes={"name": ("旧", "new")}, number=number)
    return models.QuerySet(Entry)


def findings(known: tuple[int, str] | None = None) -> list[Finding]:
    return list(chain.verify(Entry.objects.order_by("sequence"), Head.objects.get(), known=known))


def row(rows: models.QuerySet[Entry], sequence: int) -> Entry:
    return rows.get(sequence=sequence)


def test_an_untouched_log_is_whole(rows: models.QuerySet[Entry]) -> None:
    assert findings() == []
    assert list(rows.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"actor_name": "somebody"},
        {"actor_id": None},
        {"verb": "login"},
        {"object_id": "0"},
        {"object_name": "x"},
        {"object_type": "x.y"},
        {"details": {}},
        {"door": "api"},
        {"address": "192.0.2.1"},
        {"unit_id": 7},
        {"previous": "1" * 64},
        {"signature": "1" * 64},
    ],
)
def test_a_changed_entry_is_named(rows: models.QuerySet[Entry], change: dict[str, object]) -> None:
    rows.filter(sequence=3).update(**change)
    assert findings() == [Finding(Fault.CHANGED, 3, row(rows, 3).pk)]


def test_another_time_is_a_change(rows: models.QuerySet[Entry]) -> None:
    rows.filter(sequence=3).update(at=row(rows, 2).at)
    assert findings() == [Finding(Fault.CHANGED, 3, row(rows, 3).pk)]


def test_a_removed_entry_is_named(rows: models.QuerySet[Entry]) -> None:
    rows.filter(sequence__in=[1, 3]).delete()
    assert findings() == [Finding(Fault.REMOVED, 1), Finding(Fault.REMOVED, 3)]


def test_numbers_that_are_moved_up_hide_nothing(rows: models.QuerySet[Entry]) -> None:
    rows.filter(sequence=3).delete()
    for sequence in (4, 5):
        rows.filter(sequence=sequence).update(sequence=sequence - 1)
    assert [found.fault for found in findings()] == [Fault.CHANGED, Fault.CHANGED, Fault.REMOVED]


@pytest.mark.parametrize("sequence", [0, -1, 6, 60])
def test_an_inserted_entry_is_named(rows: models.QuerySet[Entry], sequence: int) -> None:
    forged = row(rows, 2)
    forged.pk, forged.sequence, forged.verb = None, sequence, "login"
    rows.bulk_create([forged])
    assert findings() == [Finding(Fault.INSERTED, sequence, row(rows, sequence).pk)]


def test_an_entry_in_the_place_of_another_is_named(rows: models.QuerySet[Entry]) -> None:
    forged = row(rows, 2)
    rows.filter(sequence=2).delete()
    forged.pk, forged.actor_name = None, "somebody"
    rows.bulk_create([forged])
    assert findings() == [Finding(Fault.CHANGED, 2, row(rows, 2).pk)]


def test_the_newest_cannot_be_cut_off_behind_the_heads_back(rows: models.QuerySet[Entry]) -> None:
    rows.filter(sequence=5).delete()
    assert findings() == [Finding(Fault.REMOVED, 5)]


def test_nor_with_the_head_when_the_servers_log_has_noted_one(rows: models.QuerySet[Entry]) -> None:
    noted = Head.objects.get()
    rows.filter(sequence=5).delete()
    Head.objects.update(sequence=4, signature=row(rows, 4).signature)
    assert findings() == []
    assert findings(known=(noted.sequence, noted.signature)) == [Finding(Fault.REMOVED, 5)]
    audit.record("login", a_unit("another"), by=None)
    assert findings(known=(noted.sequence, noted.signature)) == [Finding(Fault.UNLINKED, 5, row(rows, 5).pk)]


def test_what_is_written_during_the_check_is_no_fault(rows: models.QuerySet[Entry]) -> None:
    head = Head.objects.get()
    audit.record("login", a_unit("another"), by=None)
    assert list(chain.verify(Entry.objects.order_by("sequence"), head)) == []


def test_lowering_the_head_hides_no_removed_entry(rows: models.QuerySet[Entry]) -> None:
    rows.filter(sequence=4).delete()
    Head.objects.update(sequence=2, signature=row(rows, 2).signature)
    assert findings() == [Finding(Fault.REMOVED, 4)]


def test_an_entry_beyond_the_head_that_follows_on_another_is_named(rows: models.QuerySet[Entry]) -> None:
    """As the log went on after the head had been put back: of two that were written, one was put in its place."""
    head, kept = Head.objects.get(), row(rows, 5)
    rows.filter(sequence=5).delete()
    Head.objects.update(sequence=4, signature=row(rows, 4).signature)
    audit.record("login", a_unit("another"), by=None)
    audit.record("login", a_unit("a third"), by=None)
    rows.filter(sequence=5).delete()
    kept.pk = None
    rows.bulk_create([kept])
    head.sequence = 4
    assert list(chain.verify(Entry.objects.order_by("sequence"), head)) == [
        Finding(Fault.UNLINKED, 6, row(rows, 6).pk),
    ]


def test_an_entry_signed_with_a_key_that_was_replaced_before_is_named(
    rows: models.QuerySet[Entry], settings: object
) -> None:
    """Whoever has found an old key signs new entries with it."""
    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY=OTHER_KEY, SECRET_KEY_FALLBACKS=[old]):
        audit.record("login", a_unit("another"), by=None)
    audit.record("login", a_unit("a third"), by=None)
    with override_settings(SECRET_KEY=OTHER_KEY, SECRET_KEY_FALLBACKS=[old]):
        audit.record("login", a_unit("a fourth"), by=None)
        assert findings() == [Finding(Fault.OLD_KEY, 7, row(rows, 7).pk)]


def test_a_new_key_leaves_old_entries_good(rows: models.QuerySet[Entry], settings: object) -> None:
    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY=OTHER_KEY):
        assert len(findings()) == 5
    with override_settings(SECRET_KEY=OTHER_KEY, SECRET_KEY_FALLBACKS=[old]):
        audit.record("login", a_unit("another"), by=None)
        assert findings() == []


class TestCommand:
    def run(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("verify_audit", *arguments, stdout=out)
        return out.getvalue()

    def test_says_that_all_is_well_and_what_to_note(self, rows: models.QuerySet[Entry]) -> None:
        assert f"5 entries. Newest: 5:{row(rows, 5).signature}" in self.run()

    def test_names_what_is_wrong_and_fails(
        self, rows: models.QuerySet[Entry], capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows.filter(sequence=2).update(verb="x")
        rows.filter(sequence=4).delete()
        with pytest.raises(CommandError, match="2 entries") as caught:
            call_command("verify_audit")
        assert caught.value.returncode == 1
        printed = capsys.readouterr().out
        assert f"entry 2 (row {row(rows, 2).pk}) is not as it was written" in printed
        assert "entry 4 is gone" in printed

    @pytest.mark.parametrize("typed", ["5", "x:y", "5:short", ":"])
    def test_refuses_what_is_no_note(self, db: None, typed: str) -> None:
        with pytest.raises(CommandError, match="NUMBER:SIGNATURE"):
            self.run("--known", typed)


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_make_one_chain() -> None:
    unit = a_unit("unit")

    def write() -> None:
        for _ in range(5):
            audit.record("change", unit, by=None)

    assert together(*[write] * 8) == [None] * 8
    assert Entry.objects.count() == 40
    assert findings() == []
