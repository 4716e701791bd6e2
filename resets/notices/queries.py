"""What pages ask about notices. Everything asks as somebody."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from fleet.eventstore.messages import Actor
from resets.notices.models import Notice


def notices_of(actor: Actor, about: UUID) -> QuerySet[Notice]:
    """Who was told of what happened to this reset or alarm, the newest first."""
    rows: QuerySet[Notice] = Notice.objects.visible_to(actor).filter(about=about)
    return rows.order_by("-changed_at", "id")
