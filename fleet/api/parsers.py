"""JSON in, by orjson: strict UTF-8, no lone surrogates, no endless nesting, and never too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework import exceptions, status
from rest_framework.parsers import BaseParser

LARGEST = 1_000_000  # bytes


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self, largest: int = LARGEST) -> None:
        super().__init__(f"A body has at most {largest:,} bytes. Send less.")


class OrjsonParser(BaseParser):
    media_type = "application/json"
    largest = LARGEST

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        text = stream.read(self.largest + 1)
        if len(text) > self.largest:
            raise TooLarge(self.largest)
        if not text:
            return {}
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            # Where it broke, not what stood there: that may be half a password.
            raise exceptions.ParseError(
                f"This is not JSON (line {error.lineno}, column {error.colno}).", "not_json"
            ) from None
