"""The console without a browser: cookies, forms as they stand in the page, every answer kept."""

from __future__ import annotations

import http.cookiejar
import urllib.error
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

from tests.faults.rekey import Answer


class _Forms(HTMLParser):
    """The fields of each form that is sent by POST, with what stands in them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("method", "").lower() == "post"
            if self._inside:
                self.forms.append((given.get("action", ""), {}))
        elif self._inside and "name" in given:
            self._field(tag, given)
        elif self._inside and tag == "option" and self._select:
            fields = self.forms[-1][1]
            if "selected" in given or not fields[self._select]:
                fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag == "select":
            self._select = ""

    def _field(self, tag: str, given: dict[str, str]) -> None:
        if tag in ("input", "textarea", "select", "button"):
            self.forms[-1][1][given["name"]] = given.get("value", "")
        if tag == "select":
            self._select = given["name"]


class Console:
    """Somebody who sits in front of the pages."""

    def __init__(self, port: int) -> None:
        self._home = f"http://127.0.0.1:{port}"
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self._at, self._shown = "", ""  # the page that is shown, and what it says
        self.told: dict[str, bytes] = {}

    def get(self, path: str) -> Answer:
        return self._open(path, None)

    def fill_in(self, path: str, **answers: str) -> Answer:
        """Open a page, fill in the form that has these fields, and send it."""
        reader = _Forms()
        reader.feed(self.get(path).body)
        fitting = [(to, has) for to, has in reader.forms if answers.keys() <= has.keys()]
        assert fitting, f"{path} has no form with {sorted(answers)}"
        to, fields = fitting[0]
        return self._open(urljoin(self._at, to), fields | answers)

    def go_on(self, **answers: str) -> Answer:
        """Send the form of the page that is shown which has these fields, or this button."""
        reader = _Forms()
        reader.feed(self._shown)
        [(to, fields)] = [one for one in reader.forms if answers.keys() <= one[1].keys()]
        return self._open(urljoin(self._at, to), fields | answers)

    def press(self, path: str, to: str) -> Answer:
        """Press the button of the form that goes there."""
        reader = _Forms()
        reader.feed(self.get(path).body)
        [fields] = [has for where, has in reader.forms if urljoin(path, where) == to]
        return self._open(to, fields)

    def _open(self, path: str, fields: dict[str, str] | None) -> Answer:
        sent = None if fields is None else urlencode(fields).encode()
        headers = {"Referer": self._home + path}
        request = urllib.request.Request(self._home + path, sent, headers)
        try:
            answer = self._opener.open(request, timeout=60)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        body, self._at = answer.read(), answer.url.removeprefix(self._home)
        name = f"page {len(self.told)} {path} {answer.url}"
        self.told[name] = str(answer.headers).encode() + body
        self._shown = body.decode()
        return Answer(answer.status, self._shown)
