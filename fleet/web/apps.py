from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "fleet.web"
    label = "web"

    def ready(self) -> None:
        from fleet.web.registry import menu

        menu("Dashboard", "dashboard", icon="layout-dashboard", order=0)
