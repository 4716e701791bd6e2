from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "fleet.audit"
    label = "audit"

    def ready(self) -> None:
        from fleet.audit.menu import register

        register()
