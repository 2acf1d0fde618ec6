"""A login for somebody on the roster: by number, with a code to a contact point that is there already."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apps.accounts import codes, registration
from apps.accounts.models import Challenge, Letter, User
from apps.accounts.tests.factories import a_user
from apps.accounts.tests.logging_in import is_in, last_secret, log_in
from apps.audit.models import Entry
from apps.core import jobs
from apps.core.errors import TooMany
from apps.core.tests.threads import together
from apps.directory.models import ContactPoint, Person
from apps.directory.tests.factories import a_person

pytestmark = pytest.mark.django_db
NUMBER, MOBILE, EMAIL = "2024010101", "+8619900000017", "wang@school.example"
NEW = "another horse battery"
UNKNOWN = "2024999999"
Rung = list[tuple[str, tuple[int, ...], str]]


@pytest.fixture
def wang(db: None) -> Person:
    return a_person(name="王芳", number=NUMBER, mobile=MOBILE, email=EMAIL)


def ask(client: Client, number: str = NUMBER, via: str = "mobile") -> None:
    client.post("/account/register", {"number": number})
    client.post("/account/register/choose", {"via": via})


def prove(client: Client, code: str, password: str = NEW) -> object:
    form = {"code": code, "password": password, "repeated": password}
    return client.post("/account/register/code", form)


def test_a_code_to_the_roster_s_mobile_gives_a_login_without_any_right(
    client: Client, wang: Person, jobs_outbox: Rung, django_capture_on_commit_callbacks: object
) -> None:
    client.post("/account/register", {"number": NUMBER})
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/account/register/choose", {"via": "mobile"})
    letter = Letter.objects.get()
    assert letter.contact_point.value == MOBILE
    assert jobs_outbox == [(jobs.SEND_LETTER, (letter.pk,), "sms.urgent")]
    assert prove(client, last_secret()).headers["Location"] == "/login"
    user = User.objects.get(username=NUMBER)
    assert (user.person, user.is_staff, user.roles.count()) == (wang, False, 0)
    assert ContactPoint.objects.get(value=MOBILE).verified_at
    assert not ContactPoint.objects.get(value=EMAIL).verified_at
    assert Entry.objects.filter(verb="register", actor_id=user.pk).count() == 1
    log_in(client, NUMBER, NEW)
    assert is_in(client)


def test_the_mail_address_does_as_well(client: Client, wang: Person) -> None:
    ask(client, via="email")
    assert Letter.objects.get().contact_point.value == EMAIL
    prove(client, last_secret())
    assert User.objects.filter(person=wang).exists()


def answers(number: str) -> list[tuple[int, str]]:
    """Every answer on the way to a wrong code."""
    client = Client()
    steps = [
        client.post("/account/register", {"number": number}),
        client.post("/account/register/choose", {"via": "mobile"}),
        prove(client, "000000"),
    ]
    return [(step.status_code, step.headers.get("Location", "")) for step in steps]


def choice(number: str) -> str:
    """The page that asks where the code shall go."""
    client = Client()
    client.post("/account/register", {"number": number})
    page = client.get("/account/register/choose").content.decode().split("<main")[1]
    start = page.index("csrfmiddlewaretoken")
    return page[:start] + page[page.index(">", start) :]


@pytest.fixture
def others(db: None) -> list[str]:
    """Numbers of people who get no code by mobile, and of nobody."""
    a_user("taken", person=a_person(number="2024010102", mobile="+8619900000018"))
    left = a_person(number="2024010103", mobile="+8619900000019")
    Person.objects.filter(pk=left.pk).update(state=Person.State.LEFT)
    a_person(number="2024010104")
    a_person(number="2024010105", email="li@school.example")
    return [UNKNOWN, "2024010102", "2024010103", "2024010104", "2024010105"]


def test_an_unknown_number_gets_the_same_answers(wang: Person, others: list[str]) -> None:
    expected = answers(NUMBER)
    for number in others:
        assert answers(number) == expected
    assert Letter.objects.exclude(contact_point=None).count() == 1
    assert Letter.objects.count() == 6


def test_everybody_has_the_same_two_ways_to_choose_from(wang: Person, others: list[str]) -> None:
    shown = choice(NUMBER)
    assert ('value="mobile"' in shown, 'value="email"' in shown) == (True, True)
    assert {choice(number) for number in others} == {shown}
    for told in (MOBILE[-2:] + "<", EMAIL[0] + "•", "•"):
        assert told not in shown


def test_numbers_of_one_network_are_limited(settings: object) -> None:
    settings.LETTER_NETWORK_LIMIT = 3
    typed = [Client().post("/account/register", {"number": f"202401{number:04}"}) for number in range(4)]
    assert [one.status_code for one in typed] == [302] * 3 + [429]
    form, elsewhere = {"number": NUMBER}, "203.0.113.9"
    assert Client().post("/account/register", form, REMOTE_ADDR=elsewhere).status_code == 302


def test_letters_of_one_number_are_limited_over_all_networks(wang: Person) -> None:
    for number in (NUMBER, UNKNOWN):
        for network in range(21):
            registration.ask(number, "mobile", network=f"203.0.113.{network}")
        with pytest.raises(TooMany) as refused:
            registration.ask(number, "mobile", network="203.0.113.99")
        assert 0 < refused.value.wait <= 3600


def test_what_somebody_has_entered_himself_proves_nothing(client: Client) -> None:
    person = a_person(number=NUMBER)
    ContactPoint.objects.create(person=person, kind="mobile", value=MOBILE, source=ContactPoint.Source.OWNER)
    ask(client)
    assert Letter.objects.get().contact_point is None


def test_five_wrong_codes_end_a_code(client: Client, wang: Person) -> None:
    ask(client)
    right = last_secret()
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(5):
        assert prove(client, wrong).status_code == 200
    assert prove(client, right).status_code == 200
    assert not User.objects.exists()
    assert Entry.objects.filter(verb="code_failed").count() == 6


def test_a_weak_password_costs_no_try(client: Client, wang: Person) -> None:
    ask(client)
    for weak in ("short", NUMBER):
        assert prove(client, last_secret(), weak).status_code == 200
    assert Challenge.objects.get().tries == 0
    assert prove(client, last_secret()).status_code == 302


def test_a_code_is_good_for_ten_minutes(client: Client, wang: Person) -> None:
    ask(client)
    code = last_secret()
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        assert prove(client, code).headers["Location"] == "/account/register"
    assert not User.objects.exists()


def test_a_code_of_one_browser_is_no_good_in_another(wang: Person) -> None:
    first, second = Client(), Client()
    ask(first)
    code = last_secret()
    ask(second)
    assert prove(second, code).status_code == 200
    assert prove(first, code).status_code == 302


def test_the_code_is_stored_hashed_and_encrypted_and_never_logged(
    client: Client, wang: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ask(client)
    code = last_secret()
    challenge = Challenge.objects.get()
    assert code not in str(vars(challenge))
    raw = Letter.objects.extra(select={"raw": "secret"}).values_list("raw", flat=True).get()
    assert raw != code
    assert len(raw) > 60
    assert code not in caplog.text
    assert code not in str(list(Entry.objects.values()))


def test_letters_are_limited_alike_for_known_and_unknown_numbers(wang: Person) -> None:
    for number in (NUMBER, UNKNOWN):
        for _ in range(5):
            registration.ask(number, "mobile", network="203.0.113.1")
        with pytest.raises(TooMany):
            registration.ask(number, "mobile", network="203.0.113.1")
        registration.ask(number, "mobile", network="203.0.113.2")


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_one_code_at_once_one_gets_the_login() -> None:
    person = a_person(number=NUMBER, mobile=MOBILE)
    challenge = registration.ask(NUMBER, "mobile", network="here")
    code = last_secret()

    def use() -> object:
        return registration.register(challenge, code, number=NUMBER, password=NEW, network="here")

    results = together(*[use] * 4)
    assert sum(isinstance(one, User) for one in results) == 1
    assert User.objects.filter(person=person).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_fifty_guesses_at_once_five_are_looked_at() -> None:
    a_person(number=NUMBER, mobile=MOBILE)
    challenge = registration.ask(NUMBER, "mobile", network="here")
    wrong = "000000" if last_secret() != "000000" else "000001"
    together(*[lambda: codes.redeem(challenge, wrong)] * 50)
    challenge.refresh_from_db()
    assert challenge.tries == 5


def test_nobody_signs_up_otherwise(client: Client) -> None:
    client.post("/account/register", {"username": "evil", "password1": NEW, "password2": NEW})
    assert not User.objects.exists()
    for path in ("/accounts/signup/", "/account/signup", "/signup"):
        assert client.get(path).status_code == 404
