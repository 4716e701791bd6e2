from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"

    def ready(self) -> None:
        from devices import projections, queries, reactions, steps  # noqa: F401 - they register
        from devices.panels import register

        register()
