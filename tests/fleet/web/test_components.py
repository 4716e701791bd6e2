"""The components: what they say, to those who see them and to those who do not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory

from fleet.errors import Refused
from fleet.web.command_forms import OneTimeCode
from fleet.web.forms import SecretInput, show_refusal
from fleet.web.templatetags.components import TONES

NOW = datetime(2026, 11, 22, 14, 31, tzinfo=UTC)


def draw(source: str, path: str = "/devices/", **values: Any) -> str:
    request = RequestFactory().get(path)
    template = Template("{% load components fields times %}" + source)
    return template.render(Context({"request": request, **values}))


class Form(forms.Form):
    reason = forms.CharField(label="Reason", help_text="It stands in the history.")
    note = forms.CharField(label="Note", required=False)
    way = forms.ChoiceField(label="Way", choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    sure = forms.BooleanField(label="Sure", required=False)
    code = forms.CharField(label="Code", widget=OneTimeCode)
    password = forms.CharField(label="Password", widget=SecretInput)


FILLED = {"reason": "", "way": "", "code": "12a", "password": "invented-word-1"}


@pytest.mark.parametrize("tone", TONES)
def test_a_status_tells_by_colour_and_icon_and_text(tone: str) -> None:
    badge = draw("{% status tone 'Not certified' %}", tone=tone)
    assert f'data-tone="{tone}"' in badge
    assert f"icon-{TONES[tone]}" in badge
    assert 'aria-hidden="true"' in badge
    assert "<span>Not certified</span>" in badge


def test_tones_have_icons_of_their_own() -> None:
    assert len(set(TONES.values())) == len(TONES)


def test_a_tone_that_is_none_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        draw("{% status 'green' 'Fine' %}")


@pytest.mark.parametrize(
    "source",
    [
        "{% status 'ok' evil %}",
        "{% figure evil evil %}",
        "{% crumb evil '/' %}",
        "{% empty evil evil %}",
        "{% toast evil %}",
        "{% progress evil %}",
        "{% secret evil id='x' %}",
        "{% announce evil %}",
        "{% facts %}{% fact evil %}{{ evil }}{% endfact %}{% endfacts %}",
        "{% panel evil %}{{ evil }}{% endpanel %}",
        "{% note 'bad' evil %}{{ evil }}{% endnote %}",
        "{% table evil %}{{ evil }}{% endtable %}",
        "{% th evil sort='name' %}",
    ],
)
def test_whatever_is_put_in_stays_text(source: str) -> None:
    drawn = draw(source, path="/?sort=%3Cscript%3E", evil="<script>x</script>")
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_fact_that_is_empty_says_so() -> None:
    assert "not known" in draw("{% fact 'Firmware' %}  {% endfact %}")


def test_a_field_ties_label_hint_error_and_input_together() -> None:
    drawn = draw("{% field form.reason %}", form=Form(FILLED))
    assert '<label for="id_reason">Reason</label>' in drawn
    assert 'aria-describedby="id_reason_helptext id_reason_error"' in drawn
    assert 'aria-invalid="true"' in drawn
    for part in ("id_reason_helptext", "id_reason_error"):
        assert f'id="{part}"' in drawn


def test_only_what_may_be_left_out_says_so() -> None:
    assert "(optional)" in draw("{% field form.note %}", form=Form())
    assert "(optional)" not in draw("{% field form.reason %}", form=Form())


def test_a_choice_is_a_group_with_a_name() -> None:
    drawn = draw("{% field form.way %}", form=Form(FILLED))
    assert "<legend>Way</legend>" in drawn
    assert drawn.count('type="radio"') == 2
    assert '<fieldset aria-describedby="id_way_error"' in drawn.replace(' " id', '"').replace(
        '" id_way', '"id_way'
    )


def test_a_code_and_a_password_are_never_sent_back() -> None:
    form = Form(FILLED)
    drawn = draw("{% field form.code %}{% field form.password %}", form=form)
    assert "12a" not in drawn
    assert "invented-word-1" not in drawn
    assert 'autocomplete="one-time-code"' in drawn
    assert 'inputmode="numeric"' in drawn
    assert 'autocomplete="new-password"' in drawn


def test_the_summary_leads_to_every_wrong_input() -> None:
    drawn = draw("{% errors form %}", form=Form(FILLED))
    assert 'href="#id_reason"' in drawn
    assert 'href="#id_way_0"' in drawn  # the first of the group
    assert 'role="alert"' in drawn
    assert draw("{% errors form %}", form=Form()).strip() == ""


def test_the_summary_takes_a_question_as_it_is() -> None:
    form = Form(FILLED)
    form.fields["reason"].label = "What was it?"
    drawn = draw("{% errors form %}", form=form)
    assert "What was it? This field is required." in drawn
    assert "Way: This field is required." in drawn


def test_a_refusal_stands_beside_the_input_that_it_names() -> None:
    form = Form({"reason": "lost", "way": "a", "code": "1", "password": "invented-word-1"})
    assert form.is_valid()
    show_refusal(form, Refused("wrong", "That is not the code. 4 tries left.", field="code"))
    assert form.errors["code"] == ["That is not the code. 4 tries left."]


@pytest.mark.parametrize("field", [None, "elsewhere"])
def test_a_refusal_that_names_no_input_stands_above_the_form(field: str | None) -> None:
    form = Form(FILLED)
    show_refusal(form, Refused("closed", "This reset has ended.", field=field))
    assert form.non_field_errors() == ["This reset has ended."]
    assert "This reset has ended." in draw("{% errors form %}", form=form)


def test_a_column_sorts_up_then_down_and_keeps_the_filters() -> None:
    head = "{% th 'Name' sort='name' %}"
    assert 'href="?site=7&amp;sort=name"' in draw(head, path="/?site=7&page=3")
    up = draw(head, path="/?sort=name")
    assert 'aria-sort="ascending"' in up
    assert 'href="?sort=-name"' in up
    down = draw(head, path="/?sort=-name")
    assert 'aria-sort="descending"' in down
    assert 'href="?sort=name"' in down


def test_pages_keep_the_filters_and_mark_where_one_is() -> None:
    page = Paginator(range(1210), 50).get_page(4)
    drawn = draw("{% pages page noun='devices' %}", path="/?site=7&page=4", page=page)
    assert "151–200 of 1,210 devices" in drawn
    assert drawn.count('aria-current="page"') == 1
    assert 'href="?site=7&amp;page=5" rel="next"' in drawn


def test_a_figure_is_told_in_thousands() -> None:
    assert ">2,880<" in draw("{% figure 2880 'Cameras' %}")


@pytest.mark.parametrize(
    ("rows", "said"), [(0, "No devices"), (1, ""), (2, "2 devices"), (50, "50 devices")]
)
def test_a_single_page_says_how_many_there_are_and_a_single_row_nothing(
    rows: int, said: str
) -> None:
    page = Paginator(range(rows), 50).get_page(1)
    drawn = draw("{% pages page noun='devices' %}", page=page)
    assert re.sub(r"<[^>]+>", "", drawn).strip() == said
    assert "<nav" not in drawn


@time_machine.travel(NOW, tick=False)
def test_a_history_is_told_day_by_day_in_the_site_s_zone() -> None:
    entries = [
        {"sentence": "Bob typed a wrong code.", "at": NOW, "actor": "Bob", "source": "203.0.113.7"},
        {"sentence": "Alice asked.", "at": NOW - timedelta(days=1), "reason": "Ticket 4711"},
    ]
    drawn = draw("{% timeline entries zone='Europe/Stockholm' %}", entries=entries)
    assert drawn.index("Today, 22 November 2026") < drawn.index("Bob typed")
    assert drawn.index("Bob typed") < drawn.index("Yesterday, 21 November 2026")
    for said in ("15:31:00", "just now", "203.0.113.7", "Ticket 4711", "1 day ago"):
        assert said in drawn


def test_steps_say_where_one_is_without_colour() -> None:
    steps = [
        {"label": "Send", "state": "done"},
        {"label": "Code", "state": "current", "note": "4 tries left"},
        {"label": "Password", "state": "todo"},
    ]
    drawn = draw("{% steps steps %}", steps=steps)
    assert drawn.count('aria-current="step"') == 1
    for said in ("Done: ", "Now: ", "To do: ", "4 tries left"):
        assert said in drawn


def test_doors_answer_under_the_heading_of_what_was_tried() -> None:
    row = {"name": "RTSP", "address": "203.0.113.1:554"}
    answers = [{"tone": "ok", "text": "Opens"}, {"tone": "bad", "text": "Opens"}]
    drawn = draw("{% doors doors tries=tries %}", doors=[row | {"answers": answers}], tries="NO")
    assert drawn.index('data-label="N"') < drawn.index('data-tone="ok"')
    assert drawn.index('data-label="O"') < drawn.index('data-tone="bad"')
    with pytest.raises(ValueError, match="zip"):
        draw("{% doors doors %}", doors=[row | {"answers": answers}])


@pytest.mark.parametrize(
    ("left", "tone"), [(10, "ok"), (3, "ok"), (2, "warn"), (1, "warn"), (0, "bad"), (-1, "bad")]
)
def test_a_budget_warns_before_it_is_spent(left: int, tone: str) -> None:
    drawn = draw("{% budget 'Codes today' left=left limit=10 %}", left=left)
    assert f'data-tone="{tone}"' in drawn
    assert f"{max(left, 0)} of 10 left" in drawn


def test_a_live_part_asks_for_what_it_has_not_seen() -> None:
    part = "{% live url version=7 id='delivery' ended=ended %}Sent{% endlive %}"
    asks = draw(part, url="/part/", ended=False)
    assert 'hx-get="/part/?seen=7"' in asks
    assert 'hx-trigger="every 1s"' in asks
    assert 'hx-get="/part/?a=1&amp;seen=7"' in draw(part, url="/part/?a=1", ended=False)
    assert "hx-" not in draw(part, url="/part/", ended=True)


def test_an_icon_is_not_read_out() -> None:
    assert 'aria-hidden="true"' in draw("{% icon 'camera' %}")


def test_the_current_tab_is_marked() -> None:
    items = [{"label": "Facts", "url": "/devices/"}, {"label": "History", "url": "/history/"}]
    drawn = draw("{% tabs items %}", items=items)
    assert 'href="/devices/" aria-current="page"' in drawn
    assert drawn.count("aria-current") == 1
