"""Every template of the project: it can be read, and nothing in it is inline or from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.template.loader import get_template

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = sorted(
    Path(app.path) / "templates"
    for app in apps.get_app_configs()
    if Path(app.path).is_relative_to(ROOT) and ".venv" not in app.path
)
TEMPLATES = [
    pytest.param(str(path.relative_to(folder)), path, id=str(path.relative_to(ROOT)))
    for folder in FOLDERS
    for path in sorted(folder.rglob("*.html"))
    if "mail" not in path.parts  # a mail has no stylesheet to refer to
]
MARKS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
COMMENTS = re.compile(r"\{% comment.*?endcomment %\}|\{#.*?#\}", re.DOTALL)
# In hx-trigger a bracket is a filter, which htmx would evaluate, unless it is in a selector.
SELECTORS = re.compile(r"from:(?:find |closest )?\S+")


class Inline(HTMLParser):
    """Collects what a strict Content-Security-Policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style":
            self.found.append("<style>")
        if tag == "script" and "src" not in names:
            self.found.append("<script> without src")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"{name}= on <{tag}>")
            if (value or "").lstrip().lower().startswith("javascript:"):
                self.found.append(f"javascript: in {name}= on <{tag}>")
            if name in ("src", "action", "srcset") or (tag == "link" and name == "href"):
                self._stay_home(tag, name, value or "")
            if name == "hx-trigger" and "[" in SELECTORS.sub("", value or ""):
                self.found.append(f"a filter in {name}= on <{tag}> needs eval")
            if name.startswith("hx-") and re.search(r"\bjs:|javascript:", value or ""):
                self.found.append(f"{name}= on <{tag}> needs eval")

    def _stay_home(self, tag: str, name: str, value: str) -> None:
        if re.match(r"(https?:)?//", value.strip(), re.IGNORECASE):
            self.found.append(f"{name}= on <{tag}> leads elsewhere: {value}")


def inline_in(text: str) -> list[str]:
    parser = Inline()
    # A quote inside a tag of Django's would end an attribute for the parser.
    parser.feed(MARKS.sub("", COMMENTS.sub("", text)))
    return parser.found


def test_there_are_templates_to_look_at() -> None:
    assert len(TEMPLATES) > 60


@pytest.mark.parametrize(("name", "path"), TEMPLATES)
def test_nothing_in_a_template_is_inline(name: str, path: Path) -> None:
    assert inline_in(path.read_text()) == []


@pytest.mark.parametrize(("name", "path"), TEMPLATES)
def test_a_template_can_be_read(name: str, path: Path) -> None:
    get_template(name)


@pytest.mark.parametrize(
    "bad",
    [
        '<p style="color: red">',
        "<p {% if x %}class=a{% endif %} style='x'>",
        "<style>p {}</style>",
        "<script>alert(1)</script>",
        '<button onclick="x()">',
        '<div hx-on:click="x()">',
        '<a href="javascript:x()">',
        '<link rel="stylesheet" href="https://cdn.example/x.css">',
        '<img src="//cdn.example/x.png">',
        '<div hx-trigger="every 1s [visible]">',
    ],
)
def test_what_is_inline_is_found(bad: str) -> None:
    assert inline_in(bad)


def test_the_stylesheet_and_the_script_load_nothing_from_elsewhere() -> None:
    for name in ("web/rekey.css", "web/rekey.js"):
        found = finders.find(name)
        assert found
        text = Path(found).read_text()
        assert re.findall(r"""(?:url\(|import)\s*["']?(?:https?:)?//""", text) == []


def test_files_that_the_stylesheet_names_are_there() -> None:
    found = finders.find("web/rekey.css")
    assert found
    named = re.findall(r"""url\("([^":]+)"\)""", Path(found).read_text())
    assert named
    assert [name for name in named if not finders.find(f"web/{name}")] == []


def test_every_colour_is_a_token() -> None:
    """Below the tokens no rule names a colour of its own, so that both schemes stay in step."""
    found = finders.find("web/rekey.css")
    assert found
    text = Path(found).read_text()
    below = text[text.index("@layer base {") :]
    bare = re.findall(r"(?<!%23)#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(", below)
    assert bare == []
