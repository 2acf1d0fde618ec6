"""What a school would write for itself: Django, Celery with its defaults, Django's e-mail backend.

django-post_office and the loop without a queue live in the same project: same database, same text.
"""

import os

SECRET_KEY = "only ever used by the benchmarks"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "post_office", "benchmarks.plain_celery"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "NAME": os.environ["PLAIN_DB_NAME"],
        "USER": os.environ["PLAIN_DB_USER"],
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            "unix_socket": os.environ["PLAIN_DB_SOCKET"],
            "charset": "utf8mb4",
            "isolation_level": "read committed",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]

EMAIL_HOST = "127.0.0.1"
EMAIL_PORT = int(os.environ["PLAIN_SMTP_PORT"])
SMS_URL = os.environ["PLAIN_SMS_URL"]
CELERY_BROKER_URL = os.environ["PLAIN_REDIS_URL"]
# Both are Celery's defaults unless a part sets them.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": int(os.environ.get("PLAIN_VISIBILITY_SECONDS", "3600"))}
CELERY_TASK_ACKS_LATE = os.environ.get("PLAIN_ACKS_LATE") == "1"

# The best this package can be set to here: with its default of 100 it forks its processes for every 100 mails.
POST_OFFICE = {"LOG_LEVEL": 1, "BATCH_SIZE": 5000, "BATCH_DELIVERY_TIMEOUT": 1800}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"post_office": {"level": "WARNING"}},
}
