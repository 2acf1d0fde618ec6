"""The Celery application. What it runs stands in `workers/`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "msgcenter.settings")

app = Celery("msgcenter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])
