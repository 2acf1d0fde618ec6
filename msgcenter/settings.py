"""All settings of msgcenter, read from the environment (and from `var/msgcenter.env`, where the environment wins).

`docs/settings.md` lists the variables.
"""

import os
from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from apps.accounts.sso.http import Session
from msgcenter import env
from workers import queues, schedule

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where things are -------------------------------------------------------------------------------------------------
VAR = Path(env.text("MSGCENTER_VAR", str(BASE_DIR / "var"))).resolve()
env_file = env.text("MSGCENTER_ENV_FILE", str(VAR / "msgcenter.env"))
if env_file:
    env.load_file(Path(env_file))

SECRET_KEY = env.text("MSGCENTER_SECRET_KEY")
# Keys of before: sessions and the audit log they signed stay good.
SECRET_KEY_FALLBACKS = env.words("MSGCENTER_OLD_SECRET_KEYS", "")
# Key of the provider settings at rest (django-fernet-encrypted-fields derives the Fernet key from it and SECRET_KEY).
SALT_KEY = env.text("MSGCENTER_SETTINGS_KEY")
DEBUG = env.boolean("MSGCENTER_DEBUG", default=False)
ALLOWED_HOSTS = env.words("MSGCENTER_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# The address under which providers and people reach this site. Empty: providers are told no callback address.
PUBLIC_URL = env.text("MSGCENTER_PUBLIC_URL", "").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
# Names this installation in Message-IDs and collapse keys, so that two installations never share one.
ENVIRONMENT_ID = env.text("MSGCENTER_ENVIRONMENT_ID", "msgcenter")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_filters",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "tree_queries",
    "apps.core",
    "apps.audit",
    "apps.directory",
    "apps.accounts",
    "apps.channels",
    "apps.messaging",
    "apps.delivery",
    "apps.inbox",
    "apps.console",
    # After our own, whose templates stand in for theirs.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "workers",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "apps.audit.origin.OriginMiddleware",
    "apps.core.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.login.middleware.KnownDeviceMiddleware",
    "apps.accounts.login.middleware.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "msgcenter.urls"
WSGI_APPLICATION = "msgcenter.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- database ---------------------------------------------------------------------------------------------------------
CONN_MAX_AGE = 600


def database() -> dict[str, object]:
    """SQLite for one machine, MySQL 8 / MariaDB >= 10.6 in production (utf8mb4, strict, READ COMMITTED, UTC)."""
    if env.text("MSGCENTER_DB", "sqlite") == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": env.text("MSGCENTER_DB_NAME", str(VAR / "msgcenter.sqlite3")),
            "CONN_MAX_AGE": CONN_MAX_AGE,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    options: dict[str, object] = {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "connect_timeout": 5,
        # The time zone, because Django leaves the server's, and `Now()` then is hours from what Django stores.
        "init_command": "SET sql_mode='STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO', "
        "innodb_lock_wait_timeout=10, time_zone='+00:00'",
    }
    if socket := env.text("MSGCENTER_DB_SOCKET", ""):
        options["unix_socket"] = socket
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": env.text("MSGCENTER_DB_NAME", "msgcenter"),
        "USER": env.text("MSGCENTER_DB_USER", "msgcenter"),
        "PASSWORD": env.text("MSGCENTER_DB_PASSWORD", ""),
        "HOST": env.text("MSGCENTER_DB_HOST", ""),
        "PORT": env.text("MSGCENTER_DB_PORT", ""),
        "CONN_MAX_AGE": CONN_MAX_AGE,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"},
    }


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A roster row or an uploaded list of 30,000 people with their values comes to about 10 MB of JSON.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

# --- Celery -----------------------------------------------------------------------------------------------------------
REDIS_URL = env.text("MSGCENTER_REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT = "workers.broker:Transport"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
# A hung broker must cost a publisher seconds, not the 40 s of the defaults; blocking pops of kombu last 1 s.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "retry_on_timeout": False,
    "visibility_timeout": 3600,
}
CELERY_TASK_PUBLISH_RETRY = False
# The row is the queue: a task is a doorbell that may be lost, so it is acknowledged early and keeps no result.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 50
CELERY_TASK_QUEUES = queues.QUEUES
CELERY_TASK_ROUTES = queues.ROUTES
CELERY_TASK_DEFAULT_QUEUE = "periodic"
CELERY_BEAT_SCHEDULE = schedule.BEAT_SCHEDULE
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "workers.beat:SteadyScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- dispatch ---------------------------------------------------------------------------------------------------------
# How long a worker may hold rows without renewing its lease, and after how long an unclaimed row is rung again.
LEASE = timedelta(seconds=env.integer("MSGCENTER_LEASE_SECONDS", 60))
RING_AGAIN = timedelta(seconds=env.integer("MSGCENTER_RING_AGAIN_SECONDS", 30))
# Over how many processes an account's rate is divided while Redis, which divides it by need, is away.
WORKER_PROCESSES = env.integer("MSGCENTER_WORKER_PROCESSES", 2)
# A message that ought to move and has not for so long raises an alert.
STUCK_AFTER = timedelta(minutes=env.integer("MSGCENTER_STUCK_MINUTES", 10))
# People; a fan-out begins with so many, and goes on with more where they are soon done.
FAN_OUT_SLICE = env.integer("MSGCENTER_FAN_OUT_SLICE", 5000)
MAX_AUDIENCE = env.integer("MSGCENTER_MAX_AUDIENCE", 200_000)

# --- people and rights ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["apps.accounts.login.backend.PasswordBackend", "apps.accounts.backends.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Seconds for which the link in a mail opens the way to a new password.
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
# Whoever may publish needs a second factor. Only a demonstration does without.
REQUIRE_TOTP = env.boolean("MSGCENTER_REQUIRE_TOTP", default=True)
# Failed logins of one network within 15 minutes, over all names; a school behind one address shares them.
LOGIN_NETWORK_LIMIT = env.integer("MSGCENTER_LOGIN_NETWORK_LIMIT", 300)
# Codes and links that one network asks for within an hour; at enrolment a whole year registers from one address.
LETTER_NETWORK_LIMIT = env.integer("MSGCENTER_LETTER_NETWORK_LIMIT", 3000)

ACCOUNT_ADAPTER = "apps.accounts.login.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Ours are in apps/accounts/limits.py: allauth's read and then write a cache of each process.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_FORMS = {"change_password": "apps.accounts.login.forms.ChangePasswordForm"}
MFA_ADAPTER = "apps.accounts.login.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "apps.accounts.login.forms.AuthenticateForm",
    "reauthenticate": "apps.accounts.login.forms.ReauthenticateForm",
}
MFA_TOTP_ISSUER = "msgcenter"
MFA_ALLOW_UNVERIFIED_EMAIL = True
# Whoever has just logged in need not do so again to change his second factor (seconds).
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600

# The school's own login, each if it is named: OpenID Connect, CAS, LDAP. They say who somebody is, by his number, and
# give no rights. `docs/accounts.md` describes the variables.
SOCIALACCOUNT_ADAPTER = "apps.accounts.sso.oidc.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
OIDC_NAME = env.text("MSGCENTER_OIDC_NAME", "SSO")
OIDC_NUMBER_CLAIM = env.text("MSGCENTER_OIDC_NUMBER_CLAIM", "preferred_username")
OIDC_APPS = [
    {
        "provider_id": "school",
        "name": OIDC_NAME,
        "client_id": env.text("MSGCENTER_OIDC_CLIENT_ID", ""),
        "secret": env.text("MSGCENTER_OIDC_CLIENT_SECRET", ""),
        "settings": {"server_url": server_url},
    }
    for server_url in env.words("MSGCENTER_OIDC_SERVER")
]
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": OIDC_APPS, "OAUTH_PKCE_ENABLED": True}}
CAS_SERVER_URL = env.text("MSGCENTER_CAS_SERVER", "")
CAS_NAME = env.text("MSGCENTER_CAS_NAME", "CAS")
CAS_VERSION = "3"
CAS_SESSION_FACTORY = Session
CAS_CREATE_USER = CAS_APPLY_ATTRIBUTES_TO_USER = False
# Where OpenID and CAS servers lead on to another host to ask for the password.
SSO_ORIGINS = env.words("MSGCENTER_SSO_ORIGINS")
AUTH_LDAP_BIND_AS_AUTHENTICATING_USER = True
LDAP_NUMBER_ATTRIBUTE = env.text("MSGCENTER_LDAP_NUMBER_ATTRIBUTE", "employeeNumber")
AUTH_LDAP_SERVER_URI = env.text("MSGCENTER_LDAP_SERVER", "")
AUTH_LDAP_START_TLS = env.boolean("MSGCENTER_LDAP_START_TLS", default=AUTH_LDAP_SERVER_URI.startswith("ldap://"))
AUTH_LDAP_USER_DN_TEMPLATE = env.text("MSGCENTER_LDAP_USER_DN", "uid=%(user)s,ou=people,dc=school,dc=example")
if CAS_SERVER_URL:
    AUTHENTICATION_BACKENDS.append("apps.accounts.sso.cas.CASBackend")
if AUTH_LDAP_SERVER_URI:
    AUTHENTICATION_BACKENDS.append("apps.accounts.sso.ldap.LDAPBackend")

# --- REST -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.TokenAuthentication",
        "apps.accounts.authentication.KeyAuthentication",
        "apps.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.rest.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.accounts.authentication.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": env.text("MSGCENTER_API_RATE", "600/min")},
    # So many proxies of our own write X-Forwarded-For; without one, anybody may have written it and it is ignored.
    "NUM_PROXIES": env.integer("MSGCENTER_PROXIES", 0),
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "apps.core.rest.pages.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
EVERYWHERE = ["400", "401", "405", "406", "415", "429", "500"]
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "apps.core.rest.errors.ErrorHandler",
    "ALLOWED_ERROR_STATUS_CODES": EVERYWHERE,
    "ERROR_SCHEMAS": dict.fromkeys(EVERYWHERE, "apps.core.rest.errors.Refusal"),
}
REST_KNOX = {"TOKEN_TTL": timedelta(hours=12), "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS = {
    "TITLE": "msgcenter",
    "DESCRIPTION": "Write messages, publish them, and follow every delivery.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "MessageStatus": "apps.messaging.states.Status",
        "DeliveryStatus": "apps.delivery.states.Status",
        "PersonKind": "apps.directory.models.Person.Kind",
        "UnitKind": "apps.directory.models.OrgUnit.Kind",
        "KeyKind": "apps.accounts.models.ApiKey.Kind",
        "PresentState": "apps.directory.selection.PRESENT",
        "RosterState": "apps.directory.models.RosterImport.State",
        "RosterChangeKind": "apps.directory.models.RosterChange.Kind",
        "RosterField": "apps.directory.roster.columns.Field",
    },
}

# --- language and time ------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = env.text("MSGCENTER_TIME_ZONE", "Asia/Shanghai")

# --- pages and files --------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
NODE_MODULES = BASE_DIR / "apps" / "core" / "assets" / "node_modules"
STATICFILES_DIRS = [
    ("vendor/bootstrap", NODE_MODULES / "bootstrap" / "dist"),
    ("vendor/bootstrap-icons", NODE_MODULES / "bootstrap-icons" / "font"),
    ("vendor/axios", NODE_MODULES / "axios" / "dist"),
]
WHITENOISE_USE_FINDERS = True
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"


def security_policy(*sso: str) -> dict[str, object]:
    """`sso`: addresses of the school's own login. A form leads there by way of us, and Chromium counts that."""
    return {
        "DIRECTIVES": {
            "default-src": [SELF],
            "img-src": [SELF, "data:"],
            "object-src": [NONE],
            "base-uri": [SELF],
            "form-action": [SELF, *map(env.origin, sso)],
            "frame-ancestors": [NONE],
        }
    }


CONTENT_SECURITY_POLICY = security_policy(
    *env.words("MSGCENTER_OIDC_SERVER"), *([CAS_SERVER_URL] if CAS_SERVER_URL else []), *SSO_ORIGINS
)
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
# Unless somebody asks to be remembered; whoever comes by way of the school's own login is not asked.
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("MSGCENTER_LOG_LEVEL", "INFO")},
}
