"""Which account is chosen, what a window's results do to it, and how it comes back."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from apps.accounts.models import User
from apps.channels import accounts, circuit, services
from apps.channels.models import AccountEvent, Channel, ProviderAccount
from apps.channels.providers.base import (
    OUT_OF_TIME,
    Accepted,
    Deferred,
    Refused,
    Result,
    SettingsError,
    Throttled,
    Unknown,
)
from apps.channels.providers.sandbox import SandboxProvider
from apps.core.tests.threads import together
from workers import breaker, verdict
from workers.breaker import Way

pytestmark = pytest.mark.django_db
DOWN = Deferred("provider_unreachable", "ConnectionRefusedError")
LOST = Deferred("connection_lost", "ConnectionResetError")
REFUSED = Deferred("account_refused", "535 5.7.8 no")
NEXT = Deferred("account_refused", untried=True)


@pytest.fixture
def email() -> Channel:
    return Channel.objects.get(key="email")


@pytest.fixture
def first(email: Channel) -> ProviderAccount:
    return email.accounts.get()


@pytest.fixture
def second(email: Channel) -> ProviderAccount:
    return ProviderAccount.objects.create(channel=email, name="second", provider="sandbox")


def set_to(account: ProviderAccount, **values: object) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(**values)


def rests(account: ProviderAccount, *, over: bool = False, outages: int = 1) -> None:
    set_to(account, rests_until=Now() + timedelta(seconds=-1 if over else 60), outages=outages)


def events(account: ProviderAccount) -> list[str]:
    return list(account.events.order_by("pk").values_list("kind", flat=True))


def seconds_of_rest(account: ProviderAccount) -> float:
    """By the database's clock."""
    row = ProviderAccount.objects.annotate(now=Now()).get(pk=account.pk)
    return (row.rests_until - row.now).total_seconds()


def chosen(channel: Channel, count: int = 200) -> Counter[str]:
    ways = [breaker.choose(channel) for _ in range(count)]
    return Counter(way.account.name if way else "" for way in ways)


# --- choosing ---------------------------------------------------------------------------------------------------------
def test_accounts_get_their_share_by_weight(email: Channel, first: ProviderAccount, second: ProviderAccount) -> None:
    set_to(first, weight=300)
    shares = chosen(email, 1000)
    # 750 expected, standard deviation 14.
    assert 650 < shares[first.name] < 850
    assert shares.total() == shares[first.name] + shares["second"]


def test_weight_zero_is_a_reserve(email: Channel, first: ProviderAccount, second: ProviderAccount) -> None:
    set_to(second, weight=0)
    assert set(chosen(email)) == {first.name}
    set_to(first, paused_reason="maintenance")
    assert set(chosen(email)) == {"second"}
    set_to(first, paused_reason="", rests_until=Now() + timedelta(seconds=60))
    assert set(chosen(email)) == {"second"}


@pytest.mark.parametrize("state", ["off", "paused", "resting", "settings"])
def test_an_account_that_cannot_be_used_is_left_out(
    email: Channel, first: ProviderAccount, second: ProviderAccount, state: str
) -> None:
    change = {
        "off": {"enabled": False},
        "paused": {"paused_reason": "balance"},
        "resting": {"rests_until": Now() + timedelta(seconds=60)},
        "settings": {"provider": "of tomorrow"},
    }[state]
    accounts._made.clear()
    set_to(first, **change)
    assert set(chosen(email)) == {"second"}
    accounts._made.clear()
    set_to(second, **change)
    assert breaker.choose(email) is None
    assert not breaker.usable(email)


def raised(caplog: pytest.LogCaptureFixture, kind: str) -> int:
    return sum(one.getMessage().startswith(f"alert {kind}") for one in caplog.records)


def test_unreadable_settings_are_complained_of_once_in_a_while(
    email: Channel, first: ProviderAccount, caplog: pytest.LogCaptureFixture
) -> None:
    accounts._made.clear()
    set_to(first, provider="of tomorrow")
    chosen(email, 20)
    assert raised(caplog, "account_unusable") == 1


def test_only_that_account_or_none(email: Channel, first: ProviderAccount, second: ProviderAccount) -> None:
    assert {breaker.choose(email, only=second.pk).account for _ in range(20)} == {second}
    rests(second)
    assert breaker.choose(email, only=second.pk) is None
    rests(second, over=True)
    assert breaker.choose(email, only=second.pk).probe


def test_another_account_is_one_that_can_be_used_now(first: ProviderAccount, second: ProviderAccount) -> None:
    way = Way(first, accounts.provider_for(first))
    assert breaker.another(way)
    rests(second)
    assert not breaker.another(way)
    rests(second, over=True)
    assert breaker.another(way)
    set_to(second, enabled=False)
    assert not breaker.another(way)


def test_what_is_seen_lasts_half_a_second(
    email: Channel, first: ProviderAccount, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: object
) -> None:
    monkeypatch.setattr(breaker, "SEEN_FOR", 0.5)
    clock = [100.0]
    monkeypatch.setattr(breaker.time, "monotonic", lambda: clock[0])
    way = breaker.choose(email)
    set_to(first, enabled=False)
    clock[0] = 100.4
    with django_assert_num_queries(0):
        assert breaker.still_usable(way)
    clock[0] = 100.6
    with django_assert_num_queries(1):
        assert not breaker.still_usable(way)


def test_a_window_under_way_stops_when_its_account_is_sent_to_rest(email: Channel, first: ProviderAccount) -> None:
    way = breaker.choose(email)
    assert breaker.still_usable(way)
    rests(first)
    assert not breaker.still_usable(way)
    rests(first, over=True)
    probe = breaker.choose(email)
    assert breaker.still_usable(probe)
    assert not breaker.still_usable(way)


# --- half open --------------------------------------------------------------------------------------------------------
def test_a_half_open_account_is_tried_by_one_only(
    email: Channel, first: ProviderAccount, second: ProviderAccount
) -> None:
    rests(first, over=True)
    way = breaker.choose(email)
    assert (way.account, way.probe) == (first, True)
    assert set(chosen(email)) == {"second"}
    assert circuit.PROBE_TIME.total_seconds() - 5 < seconds_of_rest(first) <= circuit.PROBE_TIME.total_seconds()


def test_a_resting_reserve_is_not_tried_while_others_work(
    email: Channel, first: ProviderAccount, second: ProviderAccount
) -> None:
    set_to(second, weight=0)
    rests(second, over=True)
    assert set(chosen(email)) == {first.name}
    set_to(first, enabled=False)
    assert breaker.choose(email).probe


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_a_half_open_account_one_probes(email: Channel, first: ProviderAccount) -> None:
    for _ in range(5):
        rests(first, over=True)
        ways = together(*[lambda: breaker.choose(email)] * 8)
        assert not [one for one in ways if isinstance(one, Exception)]
        assert [way.probe for way in ways if way] == [True]


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (Accepted(), "in use"),
        (Refused("no_such_address", "550 5.1.1 no"), "in use"),
        (Deferred("try_later", "450 later"), "in use"),
        (DOWN, "rests"),
        (LOST, "rests"),
        (Unknown("timeout"), "rests"),
        (Throttled(retry_after=7), "rests"),
        (REFUSED, "paused"),
        (Refused("missing_value"), "half open"),
        (OUT_OF_TIME, "half open"),
    ],
)
def test_the_outcome_of_the_probe_decides(email: Channel, first: ProviderAccount, result: Result, state: str) -> None:
    rests(first, over=True, outages=3)
    breaker.report(breaker.choose(email), [result])
    first.refresh_from_db()
    found = "paused" if first.paused_reason else "in use" if first.rests_until is None else "rests"
    if found == "rests" and seconds_of_rest(first) <= 0:
        found = "half open"
    assert found == state
    expected = {"in use": ["recovered"], "rests": ["rested"], "paused": ["paused"], "half open": []}
    assert events(first) == expected[state]
    assert first.outages == {"in use": 0, "half open": 3}.get(state, 3 if isinstance(result, Throttled) else 4)


def test_a_probe_without_results_is_given_back(email: Channel, first: ProviderAccount) -> None:
    rests(first, over=True)
    breaker.report(breaker.choose(email), [])
    assert breaker.choose(email).probe


# --- learning ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("results", "kinds"),
    [
        ([Accepted(), DOWN], ["rested"]),
        ([LOST, LOST, Deferred("connection_lost", untried=True)], ["rested"]),
        ([Accepted(), Unknown("timeout"), Unknown("timeout")], ["rested"]),
        ([Accepted(), LOST], []),
        ([LOST, LOST, Accepted()], []),
        ([DOWN, Deferred("try_later", "450 later")], []),
        ([Accepted(), OUT_OF_TIME, OUT_OF_TIME], []),
        ([Refused("no_such_address", "550 no")] * 5, []),
        ([Deferred("try_later", "450 later")] * 5, []),
        ([REFUSED, NEXT, NEXT], ["paused"]),
        ([REFUSED, Accepted()], []),
        ([Accepted(), Throttled(retry_after=3), Throttled(retry_after=3, untried=True)], ["rested"]),
        ([], []),
    ],
)
def test_the_end_of_a_window_tells(
    email: Channel, first: ProviderAccount, results: Sequence[Result], kinds: list[str]
) -> None:
    breaker.report(breaker.choose(email), results)
    assert events(first) == kinds
    assert (breaker.choose(email) is None) is bool(kinds)


def test_lost_connections_add_up_over_windows_until_one_goes_well(email: Channel, first: ProviderAccount) -> None:
    for results in ([LOST], [Accepted()], [LOST]):
        breaker.report(breaker.choose(email), results)
    assert events(first) == []
    breaker.report(breaker.choose(email), [LOST])
    assert events(first) == ["rested"]


def test_while_all_is_well_nothing_is_written(
    email: Channel, first: ProviderAccount, django_assert_num_queries: object
) -> None:
    way = breaker.choose(email)
    with django_assert_num_queries(0):
        breaker.report(way, [Accepted(), Refused("no_such_address", "550 no"), Accepted()])


@pytest.mark.parametrize(("outages", "longest"), [(1, 5), (2, 10), (5, 80), (7, 300), (1000, 300)])
def test_rests_double_under_full_jitter(outages: int, longest: float) -> None:
    assert verdict.rest(outages, chance=lambda: 1.0) == timedelta(seconds=longest)
    assert verdict.rest(outages, chance=lambda: 0.0) == timedelta(seconds=1)


@pytest.mark.parametrize(("outages", "seconds"), [(1, 30), (2, 60), (5, 480), (6, 600), (1000, 600)])
def test_questions_grow_rarer(outages: int, seconds: float) -> None:
    assert verdict.question(outages) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("asked", "seconds"), [([0], 1), ([0.2], 1), ([None], 5), ([7], 7), ([3, 20, 3], 20), ([10.0**9], 3600)]
)
def test_an_account_rests_for_as_long_as_it_asks(
    email: Channel, first: ProviderAccount, asked: list[float | None], seconds: float
) -> None:
    breaker.report(breaker.choose(email), [Throttled(retry_after=one) for one in asked])
    assert seconds - 1 < seconds_of_rest(first) <= seconds
    first.refresh_from_db()
    assert first.outages == 0


def test_the_longest_rest_asked_for_counts(email: Channel, first: ProviderAccount) -> None:
    ways = [breaker.choose(email) for _ in range(3)]
    for way, seconds in zip(ways, [10, 40, 20], strict=True):
        breaker.report(way, [Throttled(retry_after=seconds)])
    assert 39 < seconds_of_rest(first) <= 40
    assert events(first) == ["rested"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("result", [DOWN, REFUSED, Throttled(retry_after=9)])
def test_ten_reports_of_the_same_outage_are_one_event(email: Channel, first: ProviderAccount, result: Result) -> None:
    ways = [breaker.choose(email) for _ in range(10)]
    raised = together(*[lambda way=way: breaker.report(way, [result]) for way in ways])
    assert raised == [None] * 10
    assert len(events(first)) == 1
    first.refresh_from_db()
    assert first.outages == (0 if isinstance(result, Throttled) else 1)


def test_late_news_of_an_account_that_was_changed_meanwhile_is_no_news(email: Channel, first: ProviderAccount) -> None:
    way = breaker.choose(email)
    person = User.objects.create(username="operator", is_superuser=True)
    services.configure(first, {"latency_ms": 1}, by=person)
    breaker.report(way, [REFUSED])
    assert events(first) == []
    assert breaker.choose(email).account == first


def test_an_unmapped_code_is_logged_without_what_it_says(
    email: Channel, first: ProviderAccount, caplog: pytest.LogCaptureFixture
) -> None:
    results = [Deferred("unmapped", "400 21999 zhang@example.com"), Deferred("unmapped", "zhang@example.com")] * 3
    breaker.report(breaker.choose(email), results)
    assert raised(caplog, "code_unmapped") == 2
    assert "400 21999" in caplog.text
    assert "zhang" not in caplog.text


# --- coming back ------------------------------------------------------------------------------------------------------
class Health:
    """What the sandbox says when it is asked how it is."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0

    def __call__(self, _provider: SandboxProvider) -> None:
        self.asked += 1
        if self.error:
            raise self.error


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Health:
    health = Health()
    monkeypatch.setattr(SandboxProvider, "health", lambda self: health(self))
    return health


def refused(channel: Channel) -> ProviderAccount:
    breaker.report(breaker.choose(channel), [REFUSED])
    return channel.accounts.get()


def ask_now(account: ProviderAccount) -> None:
    set_to(account, rests_until=Now() - timedelta(seconds=1))
    breaker.revive_accounts()
    account.refresh_from_db()


def test_a_refused_account_is_paused_in_words_and_asked_after_a_while(email: Channel, health: Health) -> None:
    account = refused(email)
    assert "535 5.7.8" in account.paused_reason
    assert account.recovers
    assert 29 < seconds_of_rest(account) <= 30
    breaker.revive_accounts()
    assert health.asked == 0


@pytest.mark.parametrize("error", [OSError("535"), SettingsError({"host": "gone"}), ValueError("a bug")])
def test_an_account_that_is_not_well_is_asked_less_and_less_often(
    email: Channel, health: Health, error: Exception
) -> None:
    account = refused(email)
    health.error = error
    for seconds in (60, 120, 240, 480, 600, 600):
        ask_now(account)
        assert account.recovers
        assert seconds - 1 < seconds_of_rest(account) <= seconds
    assert health.asked == 6
    assert events(account) == ["paused"]


@pytest.mark.parametrize("error", [None, NotImplementedError()])
def test_an_account_that_is_well_comes_back_half_open(email: Channel, health: Health, error: Exception | None) -> None:
    account = refused(email)
    health.error = error
    ask_now(account)
    assert (account.paused_reason, account.recovers) == ("", False)
    way = breaker.choose(email)
    assert way.probe
    breaker.report(way, [Accepted()])
    assert events(account) == ["paused", "resumed", "recovered"]
    assert not breaker.choose(email).probe


def test_an_account_that_is_refused_again_waits_longer(email: Channel, health: Health) -> None:
    account = refused(email)
    ask_now(account)
    again = refused(email)
    assert again.paused_reason
    assert 119 < seconds_of_rest(again) <= 120


def test_a_persons_pause_is_never_undone(email: Channel, first: ProviderAccount, health: Health) -> None:
    person = User.objects.create(username="operator", is_superuser=True)
    refused(email)
    services.pause(first, by=person)
    set_to(first, rests_until=Now() - timedelta(seconds=1))
    breaker.revive_accounts()
    assert health.asked == 0
    assert breaker.choose(email) is None


def test_a_click_resumes_at_once(email: Channel) -> None:
    account = refused(email)
    services.resume(account, by=User.objects.create(username="operator", is_superuser=True))
    way = breaker.choose(email)
    assert (way.account, way.probe) == (account, False)
    account.refresh_from_db()
    assert (account.recovers, account.rests_until, account.outages) == (False, None, 0)
    last = AccountEvent.objects.first()
    assert (last.kind, last.by.username) == ("resumed", "operator")


def test_new_settings_are_tried_at_the_next_question(email: Channel, health: Health) -> None:
    account = refused(email)
    services.configure(account, {"latency_ms": 1}, by=User.objects.create(username="operator", is_superuser=True))
    breaker.revive_accounts()
    assert health.asked == 1
    assert breaker.choose(email).probe


@pytest.mark.django_db(transaction=True)
def test_of_many_sweeps_one_asks(email: Channel, health: Health) -> None:
    account = refused(email)
    set_to(account, rests_until=Now() - timedelta(seconds=1))
    assert together(*[breaker.revive_accounts] * 6) == [None] * 6
    assert health.asked == 1
    assert events(account) == ["paused", "resumed"]
