"""The ground floor. The Celery app is made here so that every process that loads Django has it."""

from fleet.celery import app as celery_app

__all__ = ["celery_app"]
