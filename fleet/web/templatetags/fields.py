"""Form fields: label, hint, error and input tied together for those who do not see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms, template
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString

register = template.Library()


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField, hint: str = "", label: str = "", optional: bool = True
) -> dict[str, Any]:
    """One field of a form. `hint` and `label` replace the form's own."""
    widget = bound.field.widget
    return {
        "field": bound,
        "label": label or bound.label,
        "hint": hint or bound.help_text,
        "kind": _kind(widget),
        "control": _control(bound, bool(hint or bound.help_text)),
        "says_optional": optional and not bound.field.required,
    }


@register.inclusion_tag("components/fields.html")
def fields(some: Iterable[BoundField], optional: bool = True) -> dict[str, Any]:
    """All of a form, or some of its fields. `optional=False`: none is said to be optional."""
    return {"fields": some, "optional": optional}


@register.inclusion_tag("components/errors.html")
def errors(
    form: forms.BaseForm | forms.BaseFormSet[Any], title: str = "There is a problem"
) -> dict[str, Any]:
    """What is wrong with the form, above it, each with a link to its input. Of a table of forms,
    each is told with the number of its row.
    """
    if isinstance(form, forms.BaseFormSet):
        general = [*form.non_form_errors(), *(e for row in form for e in row.non_field_errors())]
        listed = [one for n, row in enumerate(form, 1) for one in _listed(row, f"Row {n}, ")]
        return {"title": title, "listed": listed, "general": general}
    return {"title": title, "listed": list(_listed(form)), "general": form.non_field_errors()}


def _listed(form: forms.BaseForm, at: str = "") -> Iterator[dict[str, str]]:
    for name, errors in form.errors.items():
        if name in form.fields:
            label = f"{at}{form[name].label}"
            asked = label if label.endswith("?") else f"{label}:"
            for error in errors:
                yield {"href": f"#{_first_input(form[name])}", "text": f"{asked} {error}"}


@register.inclusion_tag("components/filters.html", takes_context=True)
def filters(
    context: template.Context, form: forms.BaseForm, target: str = "results", label: str = "Filter"
) -> dict[str, Any]:
    """A list's filter bar. `target` is the id of the part of the page that holds the list."""
    shown = form.visible_fields()
    chosen = sum(1 for bound in shown if context["request"].GET.get(bound.html_name))
    search = [bound for bound in shown if bound.widget_type == "search"]
    return {
        "form": form,
        "target": target,
        "label": label,
        "chosen": chosen,
        "search": search,
        "others": [bound for bound in shown if bound.widget_type != "search"],
        "kept": [bound for bound in form.hidden_fields() if bound.value()],
        "path": context["request"].path,
    }


def _kind(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput):
        return "checkbox"
    # RadioSelect is the parent of CheckboxSelectMultiple: both are a group of boxes.
    if isinstance(widget, forms.RadioSelect):
        return "choices"
    if isinstance(widget, forms.PasswordInput):
        return "password"
    return "input"


def _control(bound: BoundField, has_hint: bool) -> SafeString:
    described = [f"{bound.auto_id}_helptext"] if has_hint else []
    if bound.errors:
        described.append(f"{bound.auto_id}_error")
    # A group of boxes is described at its fieldset, which the template writes.
    group = isinstance(bound.field.widget, forms.RadioSelect)
    attrs: dict[str, str | bool] = {}
    if described and not group:
        attrs["aria-describedby"] = " ".join(described)
    if "placeholder" in bound.field.widget.attrs:
        attrs["placeholder"] = False  # gone as soon as one types: labels and hints stay
    return bound.as_widget(attrs=attrs)


def _first_input(bound: BoundField) -> str:
    group = isinstance(bound.field.widget, forms.RadioSelect)
    return f"{bound.auto_id}_0" if group else bound.auto_id
