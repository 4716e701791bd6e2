"""Celery's app. The broker only wakes workers up; what has to be done stands in the database."""

import os

from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet.settings")

TRANSPORT_ALIASES["files"] = "fleet.broker:Transport"

app = Celery("fleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _leave_it_to_django(**_: object) -> None:
    """The settings' LOGGING holds in workers and beat as well; Celery's has another form."""
