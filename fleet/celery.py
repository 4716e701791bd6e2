"""Celery's app. The broker only wakes workers up; what has to be done stands in the database."""

import os

from celery import Celery, signals
from django.db import close_old_connections
from kombu.transport import TRANSPORT_ALIASES

from fleet import open_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet.settings")

TRANSPORT_ALIASES["files"] = "fleet.broker:Transport"

app = Celery("fleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.CELERY_DB_REUSE_MAX = 10**9  # or Celery opens a connection for every task


@signals.setup_logging.connect
def _leave_it_to_django(**_: object) -> None:
    """The settings' LOGGING holds in workers and beat as well; Celery's has another form."""


@signals.worker_init.connect
def _open_files(**_: object) -> None:
    """A sweep holds a connection to each device for some seconds."""
    open_files.as_many_as_may_be()


@signals.task_prerun.connect
@signals.task_postrun.connect
def _as_around_a_request(**_: object) -> None:
    """Connections that are old, or have died, are closed; the others are used again."""
    close_old_connections()
