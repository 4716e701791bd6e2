"""The components that every page is built from. `/style/` shows all of them in all their states.

Tags that end in a template document their variables at the top of that template. A `tone` is one
of `TONES`; a badge never tells by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from django import template
from django.core.paginator import Page
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from lucide.templatetags.lucide import lucide

from fleet.web.templatetags.times import day_in_zone

register = template.Library()

# Each tone's icon, so that a status can be told without its colour.
TONES = {
    "ok": "circle-check",
    "busy": "loader-circle",
    "warn": "triangle-alert",
    "bad": "octagon-x",
    "quiet": "circle-dashed",
}
# What is said before a step's name to those who do not see its mark.
STEP_STATES = {
    "done": "Done",
    "current": "Now",
    "todo": "To do",
    "failed": "Failed",
    "skipped": "Left out",
}
_MESSAGE_TONES = {"success": "ok", "warning": "warn", "error": "bad"}


@lru_cache(maxsize=512)
def _svg(name: str, size: int) -> SafeString:
    # Drawn once: the package unzips, copies and serialises it at each call.
    attributes = {"class": f"icon icon-{name}", "aria_hidden": "true", "focusable": "false"}
    # The package's own drawing: nothing in it comes from outside.
    return mark_safe(lucide(name, size=size, **attributes))  # noqa: S308  # nosec B308 B703


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """A lucide icon, hidden from screen readers: the words beside it must say the same."""
    return _svg(str(name), size)


@register.simple_tag
def status(tone: str, text: object, icon: str = "") -> SafeString:
    """A badge: colour, icon and text. `icon` replaces the tone's own."""
    return format_html(
        '<span class="status" data-tone="{}">{}<span>{}</span></span>',
        tone,
        _svg(icon or TONES[tone], 14),
        text,
    )


@register.filter
def tone_of_message(level_tag: str) -> str:
    """The tone of a django.contrib.messages level."""
    return _MESSAGE_TONES.get(level_tag, "quiet")


# --- frames around content ------------------------------------------------------------------------


@register.simple_block_tag
def panel(
    content: str,
    title: str = "",
    icon: str = "",
    href: str = "",
    more: str = "See all",
    wide: bool = False,
    level: int = 2,
) -> SafeString:
    """`{% panel "Limits near the edge" href=url %}…{% endpanel %}`: a titled box."""
    return _render(
        "panel",
        content=content,
        title=title,
        icon=icon,
        href=href,
        more=more,
        wide=wide,
        level=level,
        key=slugify(title),
    )


@register.simple_block_tag
def note(content: str, tone: str = "quiet", title: str = "") -> SafeString:
    """`{% note "warn" "Remove it first" %}…{% endnote %}`: a remark inside a page."""
    icon = "info" if tone == "quiet" else TONES[tone]
    return _render("note", content=content, tone=tone, title=title, icon=icon)


@register.simple_block_tag
def table(content: str, caption: str, shape: str = "cards", id: str = "") -> SafeString:
    """`{% table "Cameras" %}<thead>…<tbody>…{% endtable %}`; see components/table.html."""
    return _render("table", content=content, caption=caption, shape=shape, id=id)


@register.simple_block_tag
def facts(content: str, label: str = "") -> SafeString:
    """`{% facts %}{% fact "Model" %}C340{% endfact %}{% endfacts %}`."""
    return format_html('<dl class="facts" aria-label="{}">{}</dl>', label or "Facts", content)


@register.simple_block_tag
def fact(content: str, label: str, copy: str = "") -> SafeString:
    """One line of `facts`; says "not known" when it is empty. `copy` adds a copy button."""
    return _render("fact", content=content, label=label, copy=copy, empty=not content.strip())


@register.simple_block_tag
def live(
    content: str,
    url: str,
    version: object,
    id: str,
    every: int = 1,
    ended: bool = False,
) -> SafeString:
    """A part that asks `url?seen=version` each `every` seconds until `ended`; see live.py."""
    return _render(
        "live",
        content=content,
        url=url,
        version=version,
        id=id,
        every=every,
        ended=ended,
        joint="&" if "?" in url else "?",
    )


# --- tables and lists -----------------------------------------------------------------------------


@register.inclusion_tag("components/th.html", takes_context=True)
def th(context: Context, label: str, sort: str = "", kind: str = "") -> dict[str, Any]:
    """A column's head. With `sort` it is a link to `?sort=` that field, up and then down."""
    request = context["request"]
    now = request.GET.get("sort", "")
    direction = {sort: "ascending", f"-{sort}": "descending"}.get(now, "") if sort else ""
    query = request.GET.copy()
    query.pop("page", None)
    query["sort"] = f"-{sort}" if direction == "ascending" else sort
    return {
        "label": label,
        "sort": sort,
        "kind": kind,
        "direction": direction,
        "href": f"?{query.urlencode()}",
    }


@register.inclusion_tag("components/pages.html", takes_context=True)
def pages(context: Context, page: Page[Any], noun: str = "entries") -> dict[str, Any]:
    """Numbered pages of a list; other values of the query are kept."""
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    links = [{"number": n, "href": _with_page(context, n)} for n in numbers]
    return {"page": page, "noun": noun, "links": links} | {
        "previous": _with_page(context, page.number - 1) if page.has_previous() else "",
        "next": _with_page(context, page.number + 1) if page.has_next() else "",
    }


def _with_page(context: Context, number: int | str) -> str:
    """The address of another page of the list; "" for the gap between numbers."""
    if not isinstance(number, int):
        return ""
    query = context["request"].GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


@register.inclusion_tag("components/cursor_pages.html")
def cursor_pages(newer: str = "", older: str = "", noun: str = "entries") -> dict[str, Any]:
    """Newer and older, for lists that grow while they are read. Both are addresses or ""."""
    return {"newer": newer, "older": older, "noun": noun}


@register.inclusion_tag("components/timeline.html")
def timeline(
    entries: Iterable[Any], zone: Any = None, level: int = 3, more: str = ""
) -> dict[str, Any]:
    """Events, newest first, under the days of the given zone."""
    days = [
        {"name": name, "entries": list(group)}
        for name, group in groupby(entries, key=lambda entry: day_in_zone(_get(entry, "at"), zone))
    ]
    return {"days": days, "zone": zone, "level": level, "more": more}


@register.inclusion_tag("components/doors.html")
def doors(
    doors: Sequence[Any],
    tries: Sequence[str] = ("New password", "Old password", "A wrong password"),
    caption: str = "Each door that was tried",
) -> dict[str, Any]:
    """The proof: which door of the device answered what to which password."""
    rows = [
        {"door": door, "answers": list(zip(tries, _get(door, "answers"), strict=True))}
        for door in doors
    ]
    return {"rows": rows, "tries": tries, "caption": caption}


# --- progress -------------------------------------------------------------------------------------


@register.inclusion_tag("components/steps.html")
def steps(steps: Iterable[Any], label: str = "Steps of this reset") -> dict[str, Any]:
    """Where a walk of several steps stands."""
    rows = [{"step": step, "says": STEP_STATES[_get(step, "state")]} for step in steps]
    return {"rows": rows, "label": label}


@register.inclusion_tag("components/progress.html")
def progress(
    text: str, value: float | None = None, maximum: float = 1, tone: str = "busy"
) -> dict[str, Any]:
    """A bar and its words. Without a value it only says that work goes on."""
    return {"text": text, "value": value, "maximum": maximum, "tone": tone}


@register.inclusion_tag("components/budget.html")
def budget(label: str, left: int, limit: int, frees: Any = None) -> dict[str, Any]:
    """What is left of a limit, before the button is pressed. `frees`: when it is whole again."""
    tone = "bad" if left <= 0 else "warn" if left * 4 <= limit else "ok"
    return {"label": label, "left": max(left, 0), "limit": limit, "frees": frees, "tone": tone}


@register.inclusion_tag("components/figure.html")
def figure(
    value: object, label: str, href: str = "", tone: str = "", icon: str = ""
) -> dict[str, Any]:
    """One number of the dashboard. Links to the list of what it counts."""
    return {"value": value, "label": label, "href": href, "tone": tone, "icon": icon}


# --- ways on --------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def crumb(context: Context, label: str, url: str = "") -> SafeString:
    """One step of `{% block breadcrumbs %}`; the page itself is not among them."""
    return format_html('<li><a href="{}">{}</a></li>', url, label)


@register.inclusion_tag("components/tabs.html", takes_context=True)
def tabs(
    context: Context, items: Iterable[Any], label: str = "Parts of this page"
) -> dict[str, Any]:
    """Links between the pages of one thing. The one whose address this is, is current."""
    path = context["request"].path
    return {
        "label": label,
        "tabs": [{"item": item, "current": _get(item, "url") == path} for item in items],
    }


@register.inclusion_tag("components/empty.html")
def empty(
    sentence: str, next: str = "", icon: str = "inbox", href: str = "", action: str = ""
) -> dict[str, Any]:
    """Nothing here yet: says so, says what to do next, and offers it."""
    return {"sentence": sentence, "next": next, "icon": icon, "href": href, "action": action}


@register.inclusion_tag("components/toast.html")
def toast(message: str, tone: str = "ok") -> dict[str, Any]:
    """A passing message; belongs into `#toasts`."""
    return {"message": message, "tone": tone}


@register.inclusion_tag("components/secret.html")
def secret(value: str, id: str, label: str = "New password", open: bool = False) -> dict[str, Any]:
    """A password to take along. Never in a page that may be cached."""
    return {"value": value, "id": id, "label": label, "open": open}


@register.simple_tag
def announce(sentence: str) -> SafeString:
    """In an htmx answer: let screen readers say this once, wherever the person is."""
    return format_html('<p hx-swap-oob="innerHTML:#announcer">{}</p>', sentence)


def _get(thing: Any, name: str) -> Any:
    """A value of a dict or an object, as templates look it up."""
    return thing[name] if isinstance(thing, dict) else getattr(thing, name)


def _render(component: str, **values: Any) -> SafeString:
    return render_to_string(f"components/{component}.html", values)
