"""Every pair of states: the ways that are there can be gone, the others cannot."""

import pytest

from apps.core.errors import Conflict
from apps.messaging import services as messaging
from apps.messaging.states import LIVE, RECALLABLE, TRANSITIONS, WITHDRAWN, Status, may_follow
from apps.messaging.tests.acts import put, status_of
from apps.messaging.tests.conftest import World
from apps.messaging.tests.factories import a_message

PAIRS = [(before, after) for before in Status for after in Status]
#: Written out, so that a changed table is noticed: draft, scheduled, publishing … in their order.
ALLOWED = {
    ("draft", "scheduled"),
    ("draft", "publishing"),
    ("scheduled", "publishing"),
    ("scheduled", "draft"),
    ("scheduled", "expired"),
    ("scheduled", "recalled"),
    ("publishing", "published"),
    ("publishing", "expired"),
    ("publishing", "recalled"),
    ("published", "finished"),
    ("published", "expired"),
    ("published", "recalled"),
    ("finished", "published"),
}


def test_table_is_the_one_of_the_design() -> None:
    assert {(str(a), str(b)) for a, b in PAIRS if may_follow(a, b)} == ALLOWED
    assert TRANSITIONS.keys() == set(Status)


def test_named_sets_agree_with_the_table() -> None:
    assert {one for one in Status if Status.RECALLED in TRANSITIONS[one]} == RECALLABLE
    assert all(not TRANSITIONS[one] for one in WITHDRAWN)
    assert all(Status.EXPIRED in TRANSITIONS[one] for one in LIVE)


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_move(world: World, before: Status, after: Status) -> None:
    message = put(a_message(world.author, world.office, to=world.classroom), before)
    if (before, after) in ALLOWED:
        messaging._move(message, after)
        assert message.status == status_of(message) == after
    else:
        with pytest.raises(Conflict):
            messaging._move(message, after)
        assert message.status == status_of(message) == before


@pytest.mark.django_db
@pytest.mark.parametrize("meanwhile", [one for one in Status if one != Status.DRAFT])
def test_stale_move_changes_nothing(world: World, meanwhile: Status) -> None:
    stale = a_message(world.author, world.office, to=world.classroom)
    put(type(stale).objects.get(pk=stale.pk), meanwhile)
    with pytest.raises(Conflict, match=r".*"):
        messaging._move(stale, Status.PUBLISHING)
    assert status_of(stale) == meanwhile
