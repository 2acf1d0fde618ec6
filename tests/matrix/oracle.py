"""What an endpoint answers to whom, by the table alone."""

from dataclasses import dataclass

from tests.matrix.table import ADMIN, SEE, Line, Page, Roles

#: Of the unit, of a unit below it, of another department.
PLACES = ("own", "sub", "foreign")


@dataclass(frozen=True)
class Actor:
    """`role` is held in the department, or (`school`) above it, or in the `section` below alone. Keys act for the
    department's administrator.
    """

    name: str
    role: str = ""
    school: bool = False
    section: bool = False
    superuser: bool = False
    anonymous: bool = False
    #: Kind of the key, and its scopes; None: all that one can hold.
    key: str = ""
    scopes: tuple[str, ...] | None = None

    def holds(self, roles: Roles | None) -> bool:
        return roles is not None and (self.superuser or self.role in roles)

    @property
    def home(self) -> str:
        return "sub" if self.section else "own"

    def reaches(self, place: str) -> bool:
        below = (self.home, "sub")
        return self.superuser or self.school or place in below

    def may_use(self, scope: str | None) -> bool:
        return scope is not None and (self.scopes is None or scope in self.scopes)


ROLES = ("administrator", "unit_manager", "author", "approver", "emergency_sender", "operator", "auditor", "recipient")
PEOPLE = (
    *(Actor(role, role) for role in ROLES),
    *(Actor(f"{role} of the school", role, school=True) for role in ("administrator", "operator", "auditor")),
    Actor("administrator of the section", "administrator", section=True),
    Actor("superuser", superuser=True),
    Actor("reader"),
    Actor("anonymous", anonymous=True),
)
KEYS = (
    Actor("live key", "administrator", key="live"),
    Actor("test key", "administrator", key="test", scopes=("see", "write", "publish", "emergency")),
    Actor("narrow key", "administrator", key="live", scopes=("export",)),
)


def answers(name: str, line: Line, actor: Actor, place: str) -> frozenset[int]:
    """The statuses that are right."""
    if line.open:
        return line.ok
    if actor.anonymous:
        return frozenset([401 if " api:" in name else 302])
    if " admin:" in name and not actor.holds(SEE):
        return frozenset([302])
    if actor.key and not actor.may_use(line.scope):
        return frozenset([403])
    if line.everyone:
        return line.ok
    if line.person:
        return _of_person(line, actor, place)
    if line.whole:
        allowed = actor.holds(line.may) and (actor.superuser or actor.school)
        return line.ok if allowed else frozenset([line.denied])
    return _of_unit(line, actor, place)


def _of_person(line: Line, actor: Actor, place: str) -> frozenset[int]:
    if actor.name != "reader":
        return frozenset([line.alone])
    return line.ok if place != "foreign" else frozenset([404])


def _of_unit(line: Line, actor: Actor, place: str) -> frozenset[int]:
    if line.plain or (line.early and not actor.holds(line.may)):
        return line.ok if actor.holds(line.may) else frozenset([line.denied])
    if not actor.reaches(place) or (actor.key == "test" and line.earnest):
        return frozenset([404])
    if actor.holds(line.may):
        return line.ok
    return frozenset([line.denied if actor.holds(line.sees) else 404])


def has_object(name: str, line: Line) -> bool:
    return not (line.open or line.everyone or line.whole or line.plain or name in NO_OBJECT)


def places(actor: Actor) -> tuple[str, ...]:
    """Who is above them all has no use for the section; who is nobody, for one."""
    if actor.anonymous:
        return PLACES[:1]
    return ("own", "foreign") if actor.school or actor.superuser else PLACES


#: For one's own person, and nobody else's is named.
NO_OBJECT = ("POST api:devices", "GET api:inbox", "GET api:unread_count")


def lists(line: Line, actor: Actor) -> bool:
    """Whether a list shows what belongs to the department."""
    if actor.key and (not actor.may_use(line.scope) or (actor.key == "test" and line.earnest)):
        return False
    return actor.holds(line.lists)


def page_answers(label: str, verb: str, actor: Actor, place: str) -> int:
    """Of a page of a model in the admin; a foreign row is answered as one that never was, by going to the index."""
    page = ADMIN[label]
    if actor.anonymous or not actor.holds(SEE):
        return 302
    if verb == "history":
        return 200 if _may(page, "view", actor) and actor.reaches(place) else 302
    if not _may(page, "change" if verb == "save" else verb, actor):
        return 403
    return 200 if actor.reaches(place) else 302


def action_answers(label: str, name: str, actor: Actor, place: str) -> tuple[int, bool]:
    """The status, and whether it is done: what is foreign was not among the rows to choose from."""
    seen = page_answers(label, "view", actor, actor.home)
    page = ADMIN[label]
    held = actor.holds(page.actions[name]) and (not page.whole or actor.superuser or actor.school)
    if seen != 200 or not held:
        return (403 if seen == 200 else seen), False
    return 302, actor.reaches(place)


def _may(page: Page, verb: str, actor: Actor) -> bool:
    held = actor.holds(getattr(page, verb))
    return held and (not page.whole or actor.superuser or actor.school)
