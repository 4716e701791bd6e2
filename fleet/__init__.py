"""The ground floor. The Celery app is made here so that every process that loads Django has it."""

import gc

from fleet.celery import app as celery_app

__all__ = ["celery_app"]

# What a process loads, 200,000 objects, is there to stay. With Python's own 700 it is looked
# through for garbage hundreds of times meanwhile, which is a quarter of every start.
gc.set_threshold(50_000)
