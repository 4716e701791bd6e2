from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "fleet.accounts"
    label = "accounts"

    def ready(self) -> None:
        from fleet.accounts import access, menu, projections, steps  # noqa: F401 - they register
        from fleet.accounts.state import Human
        from fleet.eventstore.gate import set_guard
        from fleet.eventstore.handling import supplies
        from fleet.eventstore.messages import Actor

        menu.register()
        set_guard(access.RolesGuard())
        supplies(Actor)(lambda command, state, by: by.actor)
        supplies(Human)(lambda command, state, by: access.human(by.actor))
