from django.apps import AppConfig


class LocalConfig(AppConfig):
    name = "fleet.local"
    label = "local"
