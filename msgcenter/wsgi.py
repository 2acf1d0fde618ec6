"""Pages and API, served as WSGI (one database connection is kept per thread)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "msgcenter.settings")

application = get_wsgi_application()
