"""The one table of who may do what, written out by hand: it must not be made from the rules it checks.

A line stands for an endpoint, `METHOD name`; pages of the admin come from `ADMIN`, a line for each model. To add an
endpoint, add its line; `test_every_endpoint_has_a_line` names those that are missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Roles = frozenset[str]
ALL: Roles = frozenset(
    ["administrator", "unit_manager", "author", "approver", "emergency_sender", "operator", "auditor", "recipient"]
)
SEE = ALL - {"recipient"}
WRITE: Roles = frozenset(["administrator", "unit_manager", "author", "emergency_sender"])
PUBLISH = WRITE | {"approver"}
MANAGE: Roles = frozenset(["administrator", "unit_manager"])
GRANT = MANAGE
ADDRESSES = MANAGE
CHANNELS: Roles = frozenset(["administrator", "operator"])
AUDIT: Roles = frozenset(["administrator", "auditor"])
NOBODY: Roles = frozenset()


@dataclass(frozen=True, kw_only=True)
class Line:
    """`may`: the roles that are answered `ok` in their unit and below. `sees`: those of the others that are `denied`,
    as they know that the object is there; whoever else, and everybody towards a foreign one, is answered 404.
    """

    may: Roles = NOBODY
    sees: Roles = SEE
    ok: frozenset[int] = frozenset([200])
    denied: int = 403
    #: `whole`: it takes the role in the whole school. `plain`: without an object. `early`: who holds the role nowhere
    #: is `denied` before anybody looks what he asks for.
    whole: bool = False
    plain: bool = False
    early: bool = False
    #: For everybody who is logged in; for everybody at all.
    everyone: bool = False
    open: bool = False
    #: For one's own person: those who have none are answered `alone`.
    person: bool = False
    alone: int = 403
    #: What an API key must hold; None: no key opens it.
    scope: str | None = None
    #: The object is a message that is meant in earnest, and so is not there for a test key.
    earnest: bool = False
    #: Names in `World.values` that fill the address, and what is sent.
    body: str | None = None
    #: A list that shows what belongs to the unit to these roles.
    lists: Roles = field(default=NOBODY)


def line(*may: Roles, ok: int | tuple[int, ...] = 200, **more: object) -> Line:
    """Who may (nobody but superusers where nothing is said)."""
    codes = frozenset([ok] if isinstance(ok, int) else ok)
    return Line(may=frozenset().union(*may), ok=codes, **more)


MESSAGE = {"scope": "publish", "earnest": True}
EVERYONE = {"everyone": True}
PUBLIC = {"open": True}

LINES: dict[str, Line] = {
    # --- REST ---------------------------------------------------------------------------------------------------------
    "POST api:login": line(ok=400, **PUBLIC),
    "POST api:logout": line(ok=204, **EVERYONE),
    "GET api:schema": line(**PUBLIC),
    "GET api:docs": line(**PUBLIC),
    "POST api:devices": line(ok=201, person=True, body="device"),
    "DELETE api:device": line(ok=204, person=True),
    "GET api:inbox": line(person=True),
    "GET api:unread_count": line(person=True),
    "GET api:entry": line(person=True),
    "GET api:messages": line(everyone=True, scope="see", lists=SEE, earnest=True),
    "POST api:messages": line(WRITE, ok=201, early=True, scope="write", body="message"),
    "GET api:message": line(SEE, scope="see", earnest=True),
    "PATCH api:message": line(WRITE, scope="write", body="title", earnest=True),
    "DELETE api:message": line(WRITE, ok=204, scope="write", earnest=True),
    "POST api:publish": line(PUBLISH, **MESSAGE),
    "POST api:recall": line(PUBLISH, **MESSAGE),
    "POST api:pause": line(PUBLISH, **MESSAGE),
    "POST api:resume": line(PUBLISH, **MESSAGE),
    "GET api:progress": line(SEE, scope="see", earnest=True),
    "GET api:deliveries": line(SEE, scope="see", earnest=True),
    "POST api:resend": line(PUBLISH, **MESSAGE),
    "GET api:channels": line(everyone=True, scope="see"),
    "POST api:pause_channel": line(CHANNELS, whole=True, scope="manage_channels"),
    "POST api:resume_channel": line(CHANNELS, whole=True, scope="manage_channels"),
    "POST api:stop_all": line(CHANNELS, whole=True, scope="manage_channels"),
    "POST api:resume_all": line(CHANNELS, whole=True, scope="manage_channels"),
    "GET api:message_types": line(everyone=True, scope="see"),
    "GET api:units": line(everyone=True, scope="write", lists=WRITE),
    "GET api:templates": line(everyone=True, scope="see"),
    "GET api:message_audience": line(SEE, scope="see", earnest=True),
    "POST api:preview_audience": line(WRITE, early=True, scope="write", body="audience"),
    "GET api:segments": line(everyone=True, scope="see", lists=SEE),
    "POST api:segments": line(WRITE, ok=201, early=True, body="segment"),
    "GET api:segment": line(SEE, scope="see"),
    "PATCH api:segment": line(WRITE, body="name"),
    "DELETE api:segment": line(WRITE, ok=204),
    "GET api:roster_imports": line(everyone=True, scope="manage_people", lists=MANAGE),
    "POST api:roster_imports": line(MANAGE, ok=201, early=True, scope="manage_people", body="roster"),
    "GET api:roster_import": line(MANAGE, sees=NOBODY, scope="manage_people"),
    "PATCH api:roster_import": line(MANAGE, early=True, scope="manage_people", body="options"),
    "GET api:roster_changes": line(MANAGE, sees=NOBODY, scope="manage_people"),
    "POST api:apply_roster": line(MANAGE, early=True, scope="manage_people"),
    "POST api:discard_roster": line(MANAGE, early=True, scope="manage_people"),
    "GET api:roles": line(everyone=True, lists=GRANT),
    "POST api:roles": line(GRANT, ok=201, body="role"),
    "DELETE api:role": line(GRANT, ok=204, sees=GRANT),
    "GET api:keys": line(everyone=True, lists=GRANT),
    "POST api:keys": line(GRANT, ok=201, body="key"),
    "POST api:revoke_key": line(GRANT, sees=GRANT),
    # --- the door -----------------------------------------------------------------------------------------------------
    "GET home": line(ok=302, **EVERYONE),
    "POST home": line(ok=302, **EVERYONE),
    "GET account_login": line(ok=(200, 302), **PUBLIC),
    "POST account_login": line(ok=(200, 302), **PUBLIC),
    "GET account_logout": line(ok=(200, 302), **PUBLIC),
    "POST account_logout": line(ok=302, **PUBLIC),
    "GET mfa_authenticate": line(ok=302, **PUBLIC),
    "POST mfa_authenticate": line(ok=302, **PUBLIC),
    "GET account_signup": line(**PUBLIC),
    "POST account_signup": line(**PUBLIC),
    "GET account_reset_password": line(**PUBLIC),
    "POST account_reset_password": line(**PUBLIC),
    "GET reset_sent": line(**PUBLIC),
    # These lead back to the first step, or are not there, without what the step before has handed out.
    "GET register_choose": line(ok=302, **PUBLIC),
    "POST register_choose": line(ok=302, **PUBLIC),
    "GET register_code": line(ok=302, **PUBLIC),
    "POST register_code": line(ok=302, **PUBLIC),
    "GET reset_code": line(ok=302, **PUBLIC),
    "POST reset_code": line(ok=302, **PUBLIC),
    "GET reset_link": line(**PUBLIC),
    "POST reset_link": line(**PUBLIC),
    "GET accept_invitation": line(ok=404, **PUBLIC),
    "POST accept_invitation": line(ok=404, **PUBLIC),
    "GET openid_connect_login": line(ok=404, **PUBLIC),
    "POST openid_connect_login": line(ok=404, **PUBLIC),
    "GET openid_connect_callback": line(ok=404, **PUBLIC),
    "POST openid_connect_callback": line(ok=404, **PUBLIC),
    # --- one's own login ----------------------------------------------------------------------------------------------
    "GET account": line(**EVERYONE),
    "POST end_sessions": line(ok=302, **EVERYONE),
    # Nobody here has a password: it is made by way of a new one, and there is nothing to confirm with.
    "GET account_change_password": line(ok=302, **EVERYONE),
    "POST account_change_password": line(ok=302, **EVERYONE),
    "GET account_reauthenticate": line(ok=403, **EVERYONE),
    "POST account_reauthenticate": line(ok=403, **EVERYONE),
    "GET mfa_reauthenticate": line(ok=403, **EVERYONE),
    "POST mfa_reauthenticate": line(ok=403, **EVERYONE),
    "GET mfa_index": line(**EVERYONE),
    "GET mfa_activate_totp": line(**EVERYONE),
    "POST mfa_activate_totp": line(**EVERYONE),
    "GET mfa_deactivate_totp": line(ok=404, **EVERYONE),
    "POST mfa_deactivate_totp": line(ok=404, **EVERYONE),
    "GET mfa_view_recovery_codes": line(ok=404, **EVERYONE),
    "GET mfa_generate_recovery_codes": line(**EVERYONE),
    "POST mfa_generate_recovery_codes": line(**EVERYONE),
    # --- others ------------------------------------------------------------------------------------------------------
    "GET set_language": line(ok=302, **PUBLIC),
    "POST set_language": line(ok=302, **PUBLIC),
    "GET callback": line(ok=405, **PUBLIC),
    "POST callback": line(ok=404, **PUBLIC),
    # --- the inbox ----------------------------------------------------------------------------------------------------
    "GET inbox:list": line(**EVERYONE),
    "GET inbox:entry": line(person=True, alone=404),
    # --- the console --------------------------------------------------------------------------------------------------
    "GET console:list": line(SEE, plain=True, lists=SEE),
    "GET console:create": line(WRITE, plain=True),
    "POST console:create": line(WRITE, ok=400, plain=True),
    "GET console:sandbox": line(SEE, plain=True, lists=SEE),
    "GET console:sending": line(CHANNELS, whole=True),
    "GET console:stop_all": line(CHANNELS, whole=True),
    "POST console:stop_all": line(CHANNELS, ok=302, whole=True),
    "POST console:resume_all": line(CHANNELS, ok=302, whole=True),
    "POST console:pause_channel": line(CHANNELS, ok=302, whole=True),
    "POST console:resume_channel": line(CHANNELS, ok=302, whole=True),
    "GET console:message": line(SEE),
    "GET console:change": line(WRITE, denied=302),
    "POST console:change": line(WRITE, ok=400),
    "POST console:delete": line(WRITE, ok=302),
    "POST console:pause": line(PUBLISH, ok=302),
    "POST console:resume": line(PUBLISH, ok=302),
    "GET console:resend_all": line(PUBLISH, denied=302),
    "POST console:resend_all": line(PUBLISH, ok=302),
    "POST console:resend": line(PUBLISH, ok=302),
    "GET console:publish": line(SEE),
    "POST console:publish": line(PUBLISH, ok=302),
    "POST console:recall": line(PUBLISH, ok=302),
    # --- the admin, but for the pages of its models; who has no business there is sent to its login ------------------
    "GET admin:index": line(SEE, plain=True),
    # Who is logged in already and has no business there is told so.
    "GET admin:login": line(ok=(302, 403), **PUBLIC),
    "POST admin:login": line(ok=(302, 403), **PUBLIC),
    "GET admin_login": line(ok=(302, 403), **PUBLIC),
    "POST admin_login": line(ok=(302, 403), **PUBLIC),
    "GET admin_logout": line(ok=(200, 302), **PUBLIC),
    "POST admin_logout": line(ok=302, **PUBLIC),
    "GET admin:directory_rosterimport_apply": line(SEE, ok=405, plain=True),
    "POST admin:directory_rosterimport_apply": line(MANAGE, ok=302, early=True),
    "GET admin:directory_rosterimport_correct": line(SEE, ok=405, plain=True),
    "POST admin:directory_rosterimport_correct": line(MANAGE, ok=302, early=True),
    "GET admin:directory_rosterimport_discard": line(SEE, ok=405, plain=True),
    "POST admin:directory_rosterimport_discard": line(MANAGE, ok=302, early=True),
    "GET admin:logout": line(ok=(200, 302), **PUBLIC),
    "POST admin:logout": line(ok=(200, 302), **PUBLIC),
    "GET admin:password_change": line(SEE, ok=302, plain=True),
    "GET admin:password_change_done": line(SEE, plain=True),
    "GET admin:autocomplete": line(MANAGE, plain=True, lists=MANAGE),
    "GET admin:jsi18n": line(SEE, plain=True),
    "GET admin:view_on_site": line(SEE, ok=404, plain=True),
    "GET admin:app_list": line(SEE, plain=True),
    "GET admin:auth_user_password_change": line(MANAGE, early=True),
    "POST admin:auth_user_password_change": line(MANAGE, early=True),
}
#: Django's form views take PUT for POST.
FORMS = ("account_login", "account_change_password", "account_reauthenticate", "account_signup", "register_choose")
FORMS += ("register_code", "account_reset_password", "reset_code", "reset_link", "accept_invitation")
FORMS += ("mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_generate_recovery_codes")
LINES |= {f"PUT {name}": LINES[f"POST {name}"] for name in FORMS}

#: Of these the other method does the same or nothing, as Django has it: POST of a page that only shows something.
SAME_FOR_POST = (
    "index",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
)
UNLISTED = {f"POST admin:{name}" for name in SAME_FOR_POST}


@dataclass(frozen=True, kw_only=True)
class Page:
    """The pages of a model in the admin. None: not even a superuser. `whole`: rows that belong to no unit.

    `actions`: for whom they are carried out in their unit and below; others are not even offered them.
    """

    view: Roles | None
    add: Roles | None = None
    change: Roles | None = None
    delete: Roles | None = None
    whole: bool = False
    actions: Mapping[str, Roles] = field(default_factory=dict)


def kept_by(roles: Roles, **more: Any) -> Page:
    return Page(view=roles, add=roles, change=roles, delete=roles, **more)


BRAKES = ("pause", "resume", "stop_all", "resume_all")
ADMIN: Mapping[str, Page] = {
    "directory.orgunit": kept_by(MANAGE),
    "directory.person": kept_by(MANAGE),
    "directory.contactpoint": kept_by(MANAGE),
    "directory.relation": kept_by(MANAGE),
    "directory.adviser": kept_by(MANAGE),
    "directory.segment": Page(view=SEE, add=WRITE, change=WRITE, actions={"remove": WRITE}),
    "directory.rosterimport": Page(view=MANAGE, add=MANAGE),
    "accounts.user": kept_by(MANAGE, actions=dict.fromkeys(("remove_second_factor", "end_sessions"), NOBODY)),
    "accounts.roleassignment": Page(view=GRANT, add=GRANT, delete=GRANT),
    "accounts.invitation": Page(view=MANAGE, add=MANAGE, actions={"withdraw": MANAGE}),
    "accounts.apikey": Page(view=GRANT, add=GRANT, actions={"revoke": GRANT}),
    "channels.channel": Page(view=CHANNELS, change=CHANNELS, whole=True, actions=dict.fromkeys(BRAKES, CHANNELS)),
    "channels.provideraccount": kept_by(CHANNELS, whole=True, actions=dict.fromkeys(("pause", "resume"), CHANNELS)),
    "channels.sandboxmessage": Page(view=NOBODY, whole=True),
    "messaging.messagetype": Page(view=SEE, add=GRANT, change=GRANT, delete=GRANT, whole=True),
    "messaging.template": Page(view=SEE, add=WRITE, change=WRITE, delete=WRITE, whole=True),
    "messaging.message": Page(view=SEE, actions=dict.fromkeys(("publish", "recall", "pause", "resume"), PUBLISH)),
    "messaging.messagechannel": Page(view=SEE),
    "messaging.audiencerow": Page(view=SEE),
    "delivery.recipient": Page(view=SEE),
    "delivery.delivery": Page(view=SEE, actions={"resend": PUBLISH}),
    "delivery.attempt": Page(view=SEE),
    "delivery.receipt": Page(view=CHANNELS, whole=True),
    "delivery.suppression": kept_by(MANAGE, whole=True, actions={"allow_again": MANAGE}),
    "audit.entry": Page(view=AUDIT),
    "core.alert": Page(view=CHANNELS, whole=True, actions={"settle": CHANNELS}),
}
