"""The devices of a campaign that a page shows: a line each, with what may be done about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.http import QueryDict
from django.utils.functional import cached_property

from fleet.accounts.access import may
from fleet.accounts.state import Role
from resets.campaigns import live_queries, queries
from resets.campaigns.live_outlook import last_ring, ring_name
from resets.campaigns.live_page import LivePage
from resets.campaigns.state import ItemState, Standing
from resets.campaigns.steps.items import RetryItem


@dataclass(frozen=True)
class Line:
    """One device. `site` is the name of its site."""

    page: LivePage
    row: Any
    site: str

    @property
    def ring(self) -> str:
        settings = self.page.state.settings
        if self.row.standing == Standing.LEFT_OUT and not self.row.begun_at:
            return ""  # its turn never came
        return ring_name(self.row.ring, last_ring(self.page.state.planned, settings), settings)

    @property
    def steps(self) -> list[str]:
        """The slugs of what whoever looks may do about it now."""
        page, row = self.page, self.row
        state = ItemState(row.pk, standing=Standing(row.standing))
        return [
            slug
            for slug, step in queries.item_steps().items()
            if step.offered(state, page.now)
            and (page.can_retry if step is RetryItem else page.state.phase.under_way)
            and may(page.actor, Role(step.by), row.organisation, row.site)
        ]


@dataclass(frozen=True)
class Lines:
    """A page of them. `asked`: the filters, the order and the page that were asked for."""

    page: LivePage
    rows: Page[Any]
    asked: QueryDict

    def __iter__(self) -> Iterator[Line]:
        sites = live_queries.sites(self.page.actor, list({row.site for row in self.rows}))
        for row in self.rows:
            yield Line(self.page, row, getattr(sites.get(row.site), "name", ""))

    @cached_property
    def version(self) -> str:
        """Changes when the lines would look different."""
        shown = "-".join(f"{row.number}.{row.version}" for row in self.rows)
        parts = f"{shown} {self.page.state.phase} {self.page.can_retry} {self.rows.paginator.count}"
        return hashlib.blake2b(parts.encode(), digest_size=8).hexdigest()

    @cached_property
    def query(self) -> str:
        """What asks for the same lines again."""
        query = self.asked.copy()
        query.pop("seen", None)
        return query.urlencode()
