"""The sink's web side: an inbox to look into, and calls for tests.

| | |
| --- | --- |
| GET / | the list, newest first; `?to=` filters by recipient |
| GET /mails/ID | one mail; `/html` its HTML part, `/source` all of it as it came |
| GET /api/mails | the same as JSON, `?to=` and `?limit=` |
| DELETE /api/mails | empties it |
| POST /api/faults | `{"recipient": "a@b.test" or "*", "kind": "defer", "times": 2, "seconds": 5}` |
| DELETE /api/faults | all is well again |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web
from django.template.loader import render_to_string

from fleet.local.mailbox import Mail, Mailbox
from fleet.local.smtp import Fault, Faults

_STYLE = Path(__file__).parent / "static" / "local" / "inbox.css"
_NAMES = {"127.0.0.1", "localhost", "::1"}
_PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'"
# A mail is a stranger's page: no scripts, nothing fetched, links open beside it.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
    " style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
MAILBOX = web.AppKey("mailbox", Mailbox)
FAULTS = web.AppKey("faults", Faults)


def inbox(mailbox: Mailbox, faults: Faults) -> web.Application:
    """The web application; it is for this machine only and asks nobody to sign in."""
    app = web.Application(middlewares=[_only_by_our_name])
    app[MAILBOX] = mailbox
    app[FAULTS] = faults
    app.add_routes(
        [
            web.get("/", _list),
            web.get("/inbox.css", _style),
            web.get("/mails/{id}", _one),
            web.get("/mails/{id}/html", _html),
            web.get("/mails/{id}/source", _source),
            web.get("/api/mails", _mails),
            web.delete("/api/mails", _clear),
            web.post("/api/faults", _order_fault),
            web.delete("/api/faults", _clear_faults),
        ]
    )
    return app


@web.middleware
async def _only_by_our_name(request: web.Request, handler: Any) -> web.StreamResponse:
    """A page elsewhere that points its own name at 127.0.0.1 shall not read codes here."""
    if request.url.host not in _NAMES:
        raise web.HTTPForbidden(text="Open the inbox as http://127.0.0.1 or http://localhost.")
    answer: web.StreamResponse = await handler(request)
    answer.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _list(request: web.Request) -> web.Response:
    to = request.query.get("to", "")
    return _page("inbox", mails=request.app[MAILBOX].newest(to), to=to, refresh=True)


async def _one(request: web.Request) -> web.Response:
    return _page("mail", mail=_wanted(request))


async def _html(request: web.Request) -> web.Response:
    body = '<base target="_blank">' + _wanted(request).html
    policy = {"Content-Security-Policy": _MAIL_POLICY}
    return web.Response(text=body, content_type="text/html", headers=policy)


async def _source(request: web.Request) -> web.Response:
    return web.Response(text=_wanted(request).source)


async def _style(request: web.Request) -> web.Response:
    return web.Response(text=_STYLE.read_text(), content_type="text/css")


async def _mails(request: web.Request) -> web.Response:
    try:
        limit = int(request.query.get("limit", "100"))
    except ValueError as error:
        raise web.HTTPBadRequest(text="limit is a number") from error
    mails = request.app[MAILBOX].newest(request.query.get("to", ""), limit)
    return web.json_response([_as_json(mail) for mail in mails])


async def _clear(request: web.Request) -> web.Response:
    request.app[MAILBOX].clear()
    return web.Response(status=204)


async def _order_fault(request: web.Request) -> web.Response:
    if request.content_type != "application/json":  # so that no foreign page's form can order one
        raise web.HTTPUnsupportedMediaType
    try:
        order = dict(await request.json())
        recipient = str(order.pop("recipient"))
        fault = Fault(**order)
    except (KeyError, TypeError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"not an order: {error}") from error
    if fault.kind not in ("defer", "refuse", "slow"):
        raise web.HTTPBadRequest(text="kind is defer, refuse or slow")
    request.app[FAULTS].order(recipient, fault)
    return web.Response(status=204)


async def _clear_faults(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    return web.Response(status=204)


def _wanted(request: web.Request) -> Mail:
    mail = request.app[MAILBOX].get(request.match_info["id"])
    if mail is None:
        raise web.HTTPNotFound(text="That mail is not here any more; the newest 2,000 are kept.")
    return mail


def _as_json(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "to": mail.to,
        "from": mail.sender,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "message_id": str(mail.message.get("Message-ID", "")),
        "received": mail.received.isoformat(),
    }


def _page(name: str, **context: Any) -> web.Response:
    text = render_to_string(f"local/{name}.html", context)
    return web.Response(text=text, content_type="text/html")
