"""Hashing a password takes its time by design: meanwhile nobody else waits for the same counter or the same row."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connections

from apps.accounts import invitations, limits, registration, resets
from apps.accounts.models import Tries, User
from apps.accounts.tests.factories import a_user, a_user_with
from apps.accounts.tests.logging_in import last_secret
from apps.directory.tests.factories import a_class, a_guardian, a_person, a_school

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER, MOBILE, NEW, NETWORK = "2024010101", "+8619900000061", "another horse battery", "203.0.113.1"
#: Seconds; both databases let a writer wait longer for another's lock.
PATIENCE = 5


class SlowHasher(MD5PasswordHasher):
    """Lets somebody else write, and sees whether he got through before it was done."""

    algorithm = "slow"
    others: ClassVar[list[bool]] = []
    waiting: ClassVar[list[threading.Thread]] = []

    def encode(self, password: str, salt: str) -> str:
        if password == NEW:
            self.others.append(self.somebody_writes())
        return super().encode(password, salt)

    def somebody_writes(self) -> bool:
        done = threading.Event()
        thread = threading.Thread(target=self.write, args=[done])
        thread.start()
        self.waiting.append(thread)
        return done.wait(PATIENCE)

    def write(self, done: threading.Event) -> None:
        try:
            limits.take(limits.codes_of_network(NETWORK))
            done.set()
        finally:
            connections.close_all()


@pytest.fixture(autouse=True)
def _slow(settings: Any) -> Iterator[None]:
    settings.PASSWORD_HASHERS = [f"{__name__}.SlowHasher"]
    SlowHasher.others.clear()
    yield
    for thread in SlowHasher.waiting:
        thread.join(60)
    SlowHasher.waiting.clear()


def registering() -> User | None:
    a_person(number=NUMBER, mobile=MOBILE)
    challenge = registration.ask(NUMBER, "mobile", network=NETWORK)
    return registration.register(challenge, last_secret(), number=NUMBER, password=NEW, network=NETWORK)


def resetting_by_code() -> User | None:
    a_user("wang", person=a_person(mobile=MOBILE))
    challenge = resets.ask("wang", "mobile", network=NETWORK, address="")
    return resets.redeem(challenge, last_secret(), name="wang", password=NEW, network=NETWORK)


def resetting_by_link() -> User:
    return resets.reset(a_user("wang"), NEW)


def accepting() -> User:
    room = a_class(a_school())
    mother = a_guardian(a_person(room), email="mother@home.example")
    by = a_user_with("unit_manager", room)
    invitations.invite(mother, mother.contact_points.get(), by=by, address=invitations.TOKEN)
    return invitations.accept(last_secret(), username="limei", password=NEW)


@pytest.mark.parametrize("act", [registering, resetting_by_code, resetting_by_link, accepting])
def test_whoever_writes_meanwhile_is_not_kept_waiting(act: Callable[[], User | None]) -> None:
    limits.take(limits.codes_of_network(NETWORK))
    user = act()
    assert SlowHasher.others == [True]
    assert user is not None
    assert user.check_password(NEW)
    assert User.objects.get(pk=user.pk).check_password(NEW)


def test_a_wrong_code_counts_and_a_right_one_does_not() -> None:
    a_person(number=NUMBER, mobile=MOBILE)
    challenge = registration.ask(NUMBER, "mobile", network=NETWORK)
    wrong = "000000" if last_secret() != "000000" else "000001"
    count = limits.codes_of_network(NETWORK)
    assert registration.register(challenge, wrong, number=NUMBER, password=NEW, network=NETWORK) is None
    others = len(SlowHasher.others)
    assert Tries.objects.get(key=count.key).count == others + 1
    assert registration.register(challenge, last_secret(), number=NUMBER, password=NEW, network=NETWORK)
    assert Tries.objects.get(key=count.key).count == len(SlowHasher.others) + 1
