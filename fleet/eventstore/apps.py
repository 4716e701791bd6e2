from django.apps import AppConfig


class EventstoreConfig(AppConfig):
    name = "fleet.eventstore"
    label = "eventstore"
