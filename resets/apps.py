from django.apps import AppConfig


class ResetsConfig(AppConfig):
    name = "resets"

    def ready(self) -> None:
        from resets import projections, queries, reactions, steps  # noqa: F401 - they register
        from resets.panels import register

        register()
