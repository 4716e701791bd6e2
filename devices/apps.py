from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"

    def ready(self) -> None:
        # They register by being imported.
        from devices import projections, reactions, steps, supplies  # noqa: F401
        from devices.discovery import searches  # noqa: F401
        from devices.lists import projections as lists  # noqa: F401
        from devices.lists import reactions as imports  # noqa: F401
        from devices.panels import register
        from devices.reaching import configure

        configure()
        register()
