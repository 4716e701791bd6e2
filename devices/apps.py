from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"

    def ready(self) -> None:
        from devices import (  # noqa: F401 - they register
            import_projections,
            import_reactions,
            projections,
            reactions,
            searches,
            steps,
            supplies,
        )
        from devices.panels import register
        from devices.reaching import configure

        configure()

        register()
