"""A request as the routes see it: its body bounded in size and time, its form streamed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast
from uuid import uuid4

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from penstock_api.blocking import within
from penstock_api.body import strict_object
from penstock_api.problems import Problem, invalid
from penstock_api.services import services
from penstock_api.uploads import Upload

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True)
class _Pieces:
    """A stream that gives at most so many bytes at a time."""

    stream: IO[bytes]
    most: int

    def read(self, size: int) -> bytes:
        return self.stream.read(min(size, self.most))


class _Parser(FormDataParser):
    """werkzeug counts all that it reads at once, of a file too, against the bound of a part that is none.

    It reads 64 KiB and may still hold the end of the last line: so a file of short lines would be too large.
    """

    def parse(self, stream: IO[bytes], mimetype: str, *rest: Any, **named: Any) -> Any:
        if mimetype == "multipart/form-data" and self.max_form_memory_size is not None:
            stream = cast(IO[bytes], _Pieces(stream, self.max_form_memory_size // 2))
        return super().parse(stream, mimetype, *rest, **named)


class ApiRequest(Request):
    """Flask's request, for JSON objects and for one uploaded file."""

    form_data_parser_class = _Parser
    upload: Upload | None = None

    def get_json(self, *_: Any, **__: Any) -> str:
        """The body's text, once it is known to be one strict JSON object.

        flask-openapi3 gives text on to `model_validate_json`. A parsed object would be validated by Python's rules,
        under which a strict UUID or time cannot be written as text.
        """
        self.require("application/json")
        settings = services().settings
        most = settings.api_body_bytes
        # One more than it may be: werkzeug cuts a body without Content-Length at its maximum and says nothing.
        self.max_content_length = most + 1
        try:
            with within(settings.api_body_seconds, _too_slow):
                raw = self.get_data(cache=False)
        except RequestEntityTooLarge:
            raise _too_large(most) from None
        if len(raw) > most:
            raise _too_large(most)
        return strict_object(raw, depth=settings.api_json_depth)

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Read a multipart body, and a file in it into `upload`, which is gone at the end unless it was told to stay.

        Raises Problem: unsupported_media_type, too_large, malformed_form, request_timeout.
        """
        try:
            self._receive()
            yield
        finally:
            if self.upload is not None:
                self.upload.end()

    def _receive(self) -> None:
        settings = services().settings
        self.max_form_parts = settings.api_form_parts
        self.max_form_memory_size = settings.api_form_bytes
        # Besides the file, what the other parts and the headers of all parts may take.
        most = settings.api_upload_bytes + settings.api_form_parts * settings.api_form_bytes
        self._load("multipart/form-data", most, settings.api_upload_seconds)

    def receive_fields(self) -> MultiDict[str, str]:
        """The fields of a small form that a browser sends. Raises Problem, as `receiving` does."""
        settings = services().settings
        self._load("application/x-www-form-urlencoded", settings.api_form_bytes, settings.api_body_seconds)
        return self.form

    def _load(self, media_type: str, most: int, seconds: float) -> None:
        self.require(media_type)
        self.max_content_length = most
        try:
            with within(seconds, _too_slow):
                self._load_form_data()
        except ClientDisconnected:
            raise Problem("malformed_form", "the body ended before its Content-Length") from None
        except ValueError:
            raise Problem("malformed_form", f"the body is not {media_type}") from None

    def require(self, media_type: str) -> None:
        """Raise Problem (unsupported_media_type) for a body of another type, or a compressed one."""
        if self.mimetype != media_type:
            raise Problem("unsupported_media_type", f"send a body of Content-Type: {media_type}")
        if self.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Problem("unsupported_media_type", "send the body without a Content-Encoding")

    def make_form_data_parser(self) -> FormDataParser:
        parser = super().make_form_data_parser()
        parser.silent = False  # a broken form is an error, not an empty form
        return parser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.upload is not None:
            raise invalid("body", "send one file in one request")
        self.upload = Upload(services().storage, services().settings.api_upload_bytes)
        return self.upload  # type: ignore[return-value]  # all of it that the parser uses


def check_query(request: Request) -> None:
    """Raise Problem where a query parameter stands twice or holds a NUL character, which PostgreSQL cannot compare."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise invalid(f"query.{name[:100]}", "stands more than once")
        if "\x00" in values[0]:
            raise invalid(f"query.{name[:100]}", "must not contain the NUL character")


def request_id_of(request: Request) -> str:
    """The client's X-Request-Id where it is short and plain, else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _too_large(most: int) -> Problem:
    return Problem("too_large", f"the body must not be larger than {most} bytes")


def _too_slow() -> Problem:
    return Problem("request_timeout", "the body did not arrive in time")
