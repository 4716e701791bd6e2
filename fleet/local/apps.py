import os
from pathlib import Path
from typing import Any

from celery import signals
from django.apps import AppConfig

from fleet.local.family import die_with_parent
from fleet.local.supervisor import READY_FILE, SUPERVISED


class LocalConfig(AppConfig):
    name = "fleet.local"
    label = "local"

    def ready(self) -> None:
        if SUPERVISED in os.environ:
            # Also in the children of our children, such as the web server's workers.
            die_with_parent()


@signals.worker_ready.connect
@signals.beat_init.connect
def _say_ready(**_: Any) -> None:
    if path := os.environ.get(READY_FILE):
        Path(path).touch()
