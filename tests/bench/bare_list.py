"""The limit for the list: one query, its rows as JSON, nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import psycopg
from psycopg.rows import dict_row

SQL = """
SELECT d.id, d.site, d.kind, d.name, d.host, d.port, d.driver, d.username, d.reset_email, d.nvr_id,
       d.channel, d.manufacturer, d.model, d.firmware, d.serial, d.certified, d.managed, d.trouble,
       d.version, d.changed_at, s.name AS site_name, s.timezone
FROM device d JOIN site s ON s.id = d.place_id
WHERE d.organisation = %s ORDER BY d.name, d.id LIMIT 100
"""
_own = threading.local()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if not hasattr(_own, "connection"):
        _own.connection = psycopg.connect(
            os.environ["DATABASE_URL"], autocommit=True, row_factory=dict_row
        )
    rows = _own.connection.execute(SQL, [os.environ["BENCH_ORGANISATION"]]).fetchall()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [orjson.dumps({"results": rows}, default=str)]
