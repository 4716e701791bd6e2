from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"

    def ready(self) -> None:
        from devices import projections, reactions, searches, steps, supplies  # noqa: F401 - they register
        from devices.panels import register
        from devices.reaching import configure

        configure()

        register()
