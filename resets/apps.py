from django.apps import AppConfig


class ResetsConfig(AppConfig):
    name = "resets"

    def ready(self) -> None:
        from resets import holds, panels, projections, queries, reactions, steps, supplies  # noqa: F401 - they register
        from resets.applying import reactions as applying  # noqa: F401
        from resets.recorder import queries as of_recorders  # noqa: F401
        from resets.recorder import reactions as at_recorders  # noqa: F401

        panels.register()
        holds.register()
