from django.apps import AppConfig


class ResetsConfig(AppConfig):
    name = "resets"

    def ready(self) -> None:
        from resets import holds, panels, projections, queries, reactions, steps, supplies  # noqa: F401 - they register
        from resets.applying import carrying  # noqa: F401
        from resets.applying import reactions as applying  # noqa: F401
        from resets.campaigns import codes_panels as waiting_for_codes
        from resets.campaigns import codes_reactions as campaign_mails  # noqa: F401
        from resets.campaigns import codes_supplies as campaign_codes  # noqa: F401
        from resets.campaigns import drawing, gone  # noqa: F401
        from resets.campaigns import panels as campaign_panels
        from resets.campaigns import projections as campaigns  # noqa: F401
        from resets.campaigns import steps as campaign_steps  # noqa: F401
        from resets.campaigns import supplies as campaign_supplies  # noqa: F401
        from resets.campaigns import telling as campaign_notices  # noqa: F401
        from resets.delivery import panels as deliveries
        from resets.delivery import projections as mails  # noqa: F401
        from resets.delivery import reactions as test_mails  # noqa: F401
        from resets.delivery import supplies as of_test_mails  # noqa: F401
        from resets.handover import panels as handing_over
        from resets.handover import steps as of_handovers  # noqa: F401
        from resets.limits import history, refusals
        from resets.limits import panels as alarms
        from resets.limits import projections as of_limits  # noqa: F401
        from resets.limits import steps as limit_steps  # noqa: F401
        from resets.limits import supplies as budgets  # noqa: F401
        from resets.mailboxes import panels as mailboxes
        from resets.mailboxes import projections as proposals  # noqa: F401
        from resets.mailboxes import reactions as correcting  # noqa: F401
        from resets.notices import projections as notices  # noqa: F401
        from resets.notices import reactions as telling  # noqa: F401
        from resets.readiness import panels as readiness
        from resets.readiness import projections as drills  # noqa: F401
        from resets.readiness import reactions as drilling  # noqa: F401
        from resets.readiness import supplies as of_drills  # noqa: F401
        from resets.recorder import queries as of_recorders  # noqa: F401
        from resets.recorder import reactions as at_recorders  # noqa: F401
        from resets.schedules import panels as schedules
        from resets.schedules import projections as of_schedules  # noqa: F401
        from resets.schedules import reactions as runs  # noqa: F401
        from resets.schedules import steps as schedule_steps  # noqa: F401
        from resets.schedules import supplies as schedule_supplies  # noqa: F401

        panels.register()
        alarms.register()
        waiting_for_codes.register()
        history.register()
        refusals.register()
        mailboxes.register()
        deliveries.register()
        readiness.register()
        campaign_panels.register()
        handing_over.register()
        holds.register()
        schedules.register()
