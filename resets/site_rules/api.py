"""Calls for a site's rules: each kind is read and set as a whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TypedDict
from uuid import UUID

from django.urls import path
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call
from fleet.api.fields import Fields
from fleet.eventstore.handling import handle
from resets.rules import rules_id
from resets.site_rules.queries import site_rules
from resets.steps.site_rules import SetApprovalRules, SetCodeRules, SetPasswordSharing


class CodeRules(TypedDict):
    """How codes are at a site. Times in seconds."""

    digits: int
    valid: int
    tries: int
    between_sends: int
    sends: int
    open_for: int


class ApprovalRules(TypedDict):
    """When a second person has to agree to a reset. Hours by the clock of the site; `valid`, how
    long they are asked for, in seconds.
    """

    always: bool
    night_from: int
    night_to: int
    nvrs: bool
    above_a_day: int
    without_mailbox: bool
    valid: int


class PasswordSharing(TypedDict):
    """Whether campaigns may give all devices of a site one password."""

    allowed: bool


class CodeRulesView(ApiView):
    @call(answer=CodeRules)
    def get(self, asked: Values, site_id: UUID) -> Response:
        """Show the site's rules for codes."""
        return Response(asdict(site_rules(self.actor, site_id).rules.codes))

    @call(answer=CodeRules, body=Fields.asked_by(SetCodeRules))
    def post(self, asked: Values, site_id: UUID) -> Response:
        """Set the site's rules for codes. What is left out goes back to its default."""
        found = site_rules(self.actor, site_id)
        command = SetCodeRules(place_id=found.site.pk, **asked)
        state = handle(command, rules_id(site_id), self.by).state
        return Response(asdict(state.codes))


class ApprovalRulesView(ApiView):
    @call(answer=ApprovalRules)
    def get(self, asked: Values, site_id: UUID) -> Response:
        """Show when a second person has to agree to a reset at the site."""
        return Response(asdict(site_rules(self.actor, site_id).rules.approval))

    @call(answer=ApprovalRules, body=Fields.asked_by(SetApprovalRules))
    def post(self, asked: Values, site_id: UUID) -> Response:
        """Set when a second person has to agree. What is left out goes back to its default."""
        found = site_rules(self.actor, site_id)
        command = SetApprovalRules(place_id=found.site.pk, **asked)
        state = handle(command, rules_id(site_id), self.by).state
        return Response(asdict(state.approval))


class PasswordSharingView(ApiView):
    @call(answer=PasswordSharing)
    def get(self, asked: Values, site_id: UUID) -> Response:
        """Show whether campaigns may give all devices of the site one password."""
        return Response(asdict(site_rules(self.actor, site_id).rules.sharing))

    @call(answer=PasswordSharing, body=Fields.asked_by(SetPasswordSharing))
    def post(self, asked: Values, site_id: UUID) -> Response:
        """Set whether campaigns may give all devices of the site one password."""
        found = site_rules(self.actor, site_id)
        command = SetPasswordSharing(place_id=found.site.pk, **asked)
        state = handle(command, rules_id(site_id), self.by).state
        return Response(asdict(state.sharing))


urlpatterns = [
    path(
        "sites/<uuid:site_id>/rules/codes/",
        CodeRulesView.as_view(),
        name="api-site-code-rules",
    ),
    path(
        "sites/<uuid:site_id>/rules/approval/",
        ApprovalRulesView.as_view(),
        name="api-site-approval-rules",
    ),
    path(
        "sites/<uuid:site_id>/rules/passwords/",
        PasswordSharingView.as_view(),
        name="api-site-password-rules",
    ),
]
